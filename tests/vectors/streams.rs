//! Envelopes as streams and in parts: the same bytes as whole ones, in pieces of any size, and as hard to harm.

use regrant::crypto::Engine;
use regrant::crypto::envelope::{
    Author, EndOfStream, Metadata, OpenParts, OpenStream, Seal, SealParts, SealStream, dangerous_seal_with,
    dangerous_stream_with, open, seal,
};
use regrant::crypto::keys::{DataKey, SigningKey};
use regrant::encoding::{Fixed, Hash};
use regrant::error::{Code, Error, Result};
use regrant::secret::{Key32, make_id};
use uuid::Uuid;

use crate::vectors::help::{Home, buffer, cases, engines, fixed, hex, homes, int, key, read, sample, text};

stories!(
    every_recorded_envelope_streams_byte_by_byte,
    a_stream_of_unknown_length_opens_whole_and_as_a_stream,
    what_a_stream_gives_out_is_a_beginning_of_what_was_sealed,
    a_stream_that_is_cut_anywhere_ends_in_an_error,
    moved_missing_and_repeated_chunks_end_a_stream_in_an_error,
    a_stream_is_as_long_as_was_said,
    parts_make_the_same_envelope_and_open_in_any_order,
    parts_that_were_changed_or_exchanged_are_refused,
);

/// Seals in pieces; gives the envelope and its digest.
async fn seal_in(
    engine: &Engine,
    home: Home,
    mut stream: SealStream,
    author: Option<&Author<'_>>,
    data: &[u8],
    piece: usize,
) -> Result<(Vec<u8>, Hash)> {
    let mut out = stream.head();
    for bytes in data.chunks(piece) {
        for sealed in stream.push(engine, buffer(home, bytes)).await? {
            out.extend(sealed.into_heap());
        }
    }
    while let Some(sealed) = stream.pad(engine).await? {
        out.extend(sealed.into_heap());
    }
    let end = stream.finish(engine, author).await?;
    out.extend(end.last.into_heap());
    out.extend(&end.trailer);
    Ok((out, end.digest))
}

/// Opens in pieces: what was given out, and how it ended.
async fn open_in(
    engine: &Engine,
    home: Home,
    key: &DataKey,
    bytes: &[u8],
    piece: usize,
) -> (Vec<u8>, Result<EndOfStream>) {
    let (mut stream, mut out) = (OpenStream::default(), Vec::new());
    for bytes in bytes.chunks(piece) {
        let step = async {
            stream.push(buffer(home, bytes))?;
            if !stream.has_key() && stream.header()?.is_some() && !stream.try_key(key)? {
                return Err(Error::corrupt());
            }
            stream.open(engine).await
        };
        match step.await {
            Ok(plain) => plain.into_iter().for_each(|p| out.extend(p.into_heap())),
            Err(error) => return (out, Err(error)),
        }
    }
    let end = stream.finish(engine).await.inspect(|end| {
        out.extend(end.last.clone().into_heap());
    });
    (out, end)
}

struct Case {
    id: Uuid,
    version: u32,
    metadata: Metadata,
    pad: bool,
    author: Option<(String, Hash, SigningKey)>,
    key: DataKey,
    log2: u8,
}

impl Case {
    async fn new(engine: &Engine, pad: bool, sign: bool) -> Self {
        let signing = engine.import_signing(&Key32::make().unwrap()).await.unwrap();
        Self {
            id: make_id().unwrap(),
            version: 1,
            metadata: Metadata { kind: "bytes".into(), ..Metadata::default() },
            pad,
            author: sign.then(|| ("alice".to_owned(), Fixed([5; 32]), signing)),
            key: DataKey(Key32::make().unwrap()),
            log2: 12,
        }
    }

    fn author(&self) -> Option<Author<'_>> {
        self.author.as_ref().map(|(login, fingerprint, key)| Author { login, fingerprint, key })
    }

    fn what(&self) -> Seal<'_> {
        let (id, key_version, author) = (self.id, self.version, self.author());
        Seal { id, key_version, metadata: &self.metadata, pad: self.pad, author }
    }

    fn stream(&self, length: Option<u64>) -> SealStream {
        dangerous_stream_with(&self.key, &self.what(), length, &[3; 32], self.log2).unwrap()
    }

    async fn whole(&self, engine: &Engine, data: &[u8]) -> Vec<u8> {
        let data = data.to_vec().into();
        let sealed = dangerous_seal_with(engine, &self.key, &self.what(), &data, &[3; 32], self.log2).await.unwrap();
        sealed.bytes.into_heap()
    }
}

async fn every_recorded_envelope_streams_byte_by_byte() {
    let file = read(include_str!("envelopes.json"));
    for engine in engines() {
        for (home, case) in homes().into_iter().flat_map(|home| cases(&file).iter().map(move |case| (home, case))) {
            let author = &case["author"];
            let author = if author.is_null() {
                None
            } else {
                let signing = engine.import_signing(&key(&author["seed"])).await.unwrap();
                Some((text(&author["login"]).to_owned(), Fixed(fixed(&author["fingerprint"])), signing))
            };
            let made = Case {
                id: text(&case["id"]).parse().unwrap(),
                version: int(&case["keyVersion"]) as u32,
                metadata: serde_json::from_value(case["metadata"].clone()).unwrap(),
                pad: case["pad"].as_bool().unwrap(),
                author,
                key: DataKey(key(&case["dataKey"])),
                log2: int(&case["chunkLog2"]) as u8,
            };
            let (data, envelope) = (hex(&case["data"]), hex(&case["out"]["envelope"]));
            for piece in [1, 13, 4096, usize::MAX] {
                let salt = fixed(&case["salt"]);
                let length = Some(data.len() as u64);
                let stream = dangerous_stream_with(&made.key, &made.what(), length, &salt, made.log2).unwrap();
                assert_eq!(stream.sealed_length(), Some(envelope.len() as u64));
                let sealed = seal_in(&engine, home, stream, made.author().as_ref(), &data, piece).await.unwrap();
                assert!(sealed.0 == envelope && sealed.1.hex() == text(&case["out"]["digest"]));
                let (opened, end) = open_in(&engine, home, &made.key, &envelope, piece).await;
                let end = end.unwrap();
                assert!(opened == data, "{piece}");
                assert_eq!(end.digest.hex(), text(&case["out"]["digest"]));
                assert_eq!(end.trailer.is_some(), made.author.is_some());
            }
        }
    }
}

async fn a_stream_of_unknown_length_opens_whole_and_as_a_stream() {
    for engine in engines() {
        for (home, sign) in homes().into_iter().flat_map(|home| [(home, false), (home, true)]) {
            let case = Case::new(&engine, false, sign).await;
            for length in [0, 1, 4095, 4096, 4097, 8192, 30_000, 200_000] {
                let data = sample(length);
                let stream = case.stream(None);
                assert_eq!(stream.sealed_length(), None);
                let (envelope, digest) =
                    seal_in(&engine, home, stream, case.author().as_ref(), &data, 5000).await.unwrap();
                let whole = open(&engine, &case.key, &buffer(home, &envelope), Some(&digest)).await.unwrap();
                assert_eq!(whole.metadata.length, None);
                assert!(whole.data.into_heap() == data);
                for piece in [94, 997, 70_000] {
                    let (opened, end) = open_in(&engine, home, &case.key, &envelope, piece).await;
                    assert_eq!(end.unwrap().digest, digest);
                    assert!(opened == data);
                }
            }
        }
    }
}

async fn what_a_stream_gives_out_is_a_beginning_of_what_was_sealed() {
    for engine in engines() {
        for (pad, sign) in [(false, true), (true, false)] {
            let case = Case::new(&engine, pad, sign).await;
            let data = sample(10_000);
            let good = case.whole(&engine, &data).await;
            for at in (0..good.len()).step_by(61) {
                let mut bad = good.clone();
                bad[at] ^= 1;
                let (given, end) = open_in(&engine, Home::Heap, &case.key, &bad, 777).await;
                assert!(data.starts_with(&given), "{at}");
                let code = end.expect_err("changed").code();
                assert!(code == Code::Corrupt || (3..6).contains(&at), "{at}");
            }
        }
    }
}

async fn a_stream_that_is_cut_anywhere_ends_in_an_error() {
    for engine in engines() {
        for (pad, sign) in [(false, false), (true, true)] {
            let case = Case::new(&engine, pad, sign).await;
            let good = case.whole(&engine, &sample(9000)).await;
            let edges = (0..good.len()).step_by(211).chain(good.len() - 400..good.len());
            for cut in edges.chain([94, 94 + 16, 4112 + 94 + 16]) {
                let (_, end) = open_in(&engine, Home::Heap, &case.key, &good[..cut], 1000).await;
                assert_eq!(end.expect_err("cut").code(), Code::Corrupt, "{cut}");
            }
            for more in [1, 16, 380, 4112] {
                let long = [&good[..], &vec![0; more]].concat();
                let (_, end) = open_in(&engine, Home::Heap, &case.key, &long, 1000).await;
                assert_eq!(end.expect_err("more bytes").code(), Code::Corrupt);
            }
        }
    }
}

async fn moved_missing_and_repeated_chunks_end_a_stream_in_an_error() {
    const SEALED: usize = 4096 + 16;
    for engine in engines() {
        let case = Case::new(&engine, false, false).await;
        let good = case.whole(&engine, &sample(4096 * 4)).await;
        let start = good.len() - 4 * SEALED;
        let chunk = |i: usize| &good[start + i * SEALED..start + (i + 1) * SEALED];
        for order in [&[1, 0, 2, 3][..], &[0, 1, 3, 2], &[0, 1, 2], &[0, 1, 2, 2], &[0, 1, 2, 3, 3], &[3], &[]] {
            let chunks: Vec<u8> = order.iter().flat_map(|i| chunk(*i).to_vec()).collect();
            let bytes = [&good[..start], &chunks].concat();
            let (given, end) = open_in(&engine, Home::Heap, &case.key, &bytes, 5000).await;
            assert_eq!(end.expect_err("moved").code(), Code::Corrupt, "{order:?}");
            assert!(sample(4096 * 4).starts_with(&given));
        }
    }
}

async fn a_stream_is_as_long_as_was_said() {
    for engine in engines() {
        for pad in [false, true] {
            let case = Case::new(&engine, pad, false).await;
            for (said, given) in [(5000, 4999), (5000, 5001), (0, 1), (1, 0), (4096, 8192)] {
                let outcome = seal_in(&engine, Home::Heap, case.stream(Some(said)), None, &sample(given), 4096).await;
                assert_eq!(outcome.expect_err("another length").code(), Code::BadInput);
            }
        }
        let case = Case::new(&engine, true, false).await;
        let refused = dangerous_stream_with(&case.key, &case.what(), None, &[3; 32], 12);
        assert_eq!(refused.expect_err("padding needs the length").code(), Code::BadInput);
    }
}

const CHUNK: usize = 256 * 1024;

async fn sealed_parts(
    engine: &Engine,
    home: Home,
    case: &Case,
    data: &[u8],
) -> (Vec<u8>, Vec<Vec<u8>>, Vec<u8>, Vec<u8>, Hash) {
    let (what, author) = (case.what(), case.author());
    let mut parts = SealParts::begin(&case.key, &what, data.len() as u64, &[3; 32]).unwrap();
    let (head, count) = (parts.head(), parts.chunks());
    let mut chunks = vec![(Vec::new(), [0; 32]); count as usize];
    // From the last to the first, two at a time.
    let mut first = count + 1;
    while first > 1 {
        let n = if first > 2 { 2 } else { 1 };
        first -= n;
        let (from, to) = parts.data_of(first, n);
        let bytes = buffer(home, &data[from as usize..to as usize]);
        for (i, (sealed, hash)) in parts.seal(engine, first, n, &bytes).await.unwrap().into_iter().enumerate() {
            chunks[first as usize - 1 + i] = (sealed.into_heap(), hash);
        }
    }
    let hashes: Vec<[u8; 32]> = chunks.iter().map(|(_, hash)| *hash).collect();
    let (list, trailer, digest) = parts.finish(engine, author.as_ref(), &hashes).await.unwrap();
    (head, chunks.into_iter().map(|(sealed, _)| sealed).collect(), list, trailer, digest)
}

async fn parts_make_the_same_envelope_and_open_in_any_order() {
    for engine in engines() {
        for (length, pad, sign) in [
            (0, false, false),
            (5, true, true),
            (CHUNK, false, true),
            (2 * CHUNK + 1, true, false),
            (900_000, true, true),
        ] {
            for home in homes() {
                let case = Case { log2: 18, ..Case::new(&engine, pad, sign).await };
                let data = sample(length);
                let (head, chunks, list, trailer, digest) = sealed_parts(&engine, home, &case, &data).await;
                assert!(
                    [&head, &chunks.concat(), &trailer].map(|p| &p[..]).concat() == case.whole(&engine, &data).await
                );
                let mut parts = OpenParts::begin(&case.key, &head, &list, &trailer, &digest).unwrap();
                assert_eq!((parts.length(), parts.chunks()), (length as u64, chunks.len() as u64));
                assert_eq!(parts.trailer().is_some(), sign);
                let mut opened = vec![Vec::new(); chunks.len()];
                for i in (0..chunks.len()).rev() {
                    let sealed = vec![buffer(home, &chunks[i])];
                    opened[i] = parts.open(&engine, i as u64 + 1, sealed).await.unwrap().remove(0).into_heap();
                }
                assert!(opened.concat() == data, "{length} {home:?}");
            }
        }
    }
}

async fn parts_that_were_changed_or_exchanged_are_refused() {
    for engine in engines() {
        let case = Case { log2: 18, ..Case::new(&engine, false, true).await };
        let (head, chunks, list, trailer, digest) = sealed_parts(&engine, Home::Heap, &case, &sample(600_000)).await;
        let changed = |bytes: &[u8], at: usize| {
            let mut bad = bytes.to_vec();
            bad[at] ^= 1;
            bad
        };
        let begin = |head: &[u8], list: &[u8], trailer: &[u8]| {
            OpenParts::begin(&case.key, head, list, trailer, &digest).map(drop).map_err(|e| e.code())
        };
        assert_eq!(begin(&head, &list, &trailer), Ok(()));
        for at in 0..head.len() {
            assert!(begin(&changed(&head, at), &list, &trailer).is_err());
        }
        for at in 0..list.len() {
            assert_eq!(begin(&head, &changed(&list, at), &trailer), Err(Code::Corrupt));
        }
        for at in (0..trailer.len()).step_by(7) {
            assert_eq!(begin(&head, &list, &changed(&trailer, at)), Err(Code::Corrupt));
        }
        for (head, list, trailer) in [
            (&head[..head.len() - 1], &list[..], &trailer[..]),
            (&head, &list[..list.len() - 32], &trailer),
            (&head, &list[..list.len() - 1], &trailer),
            (&head, &[], &trailer),
            (&head, &list, &[]),
            (&[], &list, &trailer),
        ] {
            assert_eq!(begin(head, list, trailer), Err(Code::Corrupt));
        }
        let mut parts = OpenParts::begin(&case.key, &head, &list, &trailer, &digest).unwrap();
        for (first, bytes) in [
            (1, changed(&chunks[0], 9)),
            (1, chunks[1].clone()),
            (2, chunks[0].clone()),
            (3, chunks[2][..chunks[2].len() - 1].to_vec()),
            (3, Vec::new()),
        ] {
            let refused = parts.open(&engine, first, vec![bytes.into()]).await;
            assert_eq!(refused.expect_err("changed").code(), Code::Corrupt);
        }
        let beyond = parts.open(&engine, 3, vec![chunks[2].clone().into(), chunks[2].clone().into()]).await;
        assert_eq!(beyond.expect_err("beyond the end").code(), Code::Corrupt);
        // A whole envelope under another key says the same.
        let other = Case::new(&engine, false, false).await;
        let sealed = seal(&engine, &other.key, &other.what(), &vec![1].into()).await.unwrap();
        let (_, end) = open_in(&engine, Home::Heap, &case.key, &sealed.bytes.into_heap(), 10).await;
        assert_eq!(end.expect_err("another key").code(), Code::Corrupt);
    }
}
