//! Each engine, and each home of bytes, opens what the other sealed.

use regrant::crypto::boxes::{open_at_rest, open_box, open_message, seal_at_rest, seal_box, seal_message};
use regrant::crypto::envelope::{
    Author, Metadata, Seal, author_message, fits, open, padme, read_header, seal, sealed_length,
};
use regrant::crypto::keys::DataKey;
use regrant::crypto::{Engine, rust, verify};
use regrant::encoding::{Fixed, Transcript};
use regrant::secret::{Key32, make_id};

use crate::vectors::help::{Home, buffer, engines, homes, rsa_pair, sample};

stories!(
    boxes_and_sealed_messages_cross_engines,
    signatures_cross_engines,
    small_envelopes_cross_engines_and_homes,
    large_envelopes_cross_engines_and_homes,
    metadata_says_what_was_given,
);

async fn boxes_and_sealed_messages_cross_engines() {
    let context = Transcript::new("story").text("field");
    for (sealer, opener) in engines().iter().flat_map(|a| engines().into_iter().map(move |b| (a, b))) {
        let key = Key32::make().unwrap();
        for length in [0, 1, 1000, 100_000] {
            let message = sample(length);
            let sealed = seal_box(sealer, &key, &context, &message).unwrap();
            assert_eq!(open_box(&key, &context, &sealed).unwrap().expose(), message);
            let (ours, theirs) = (sealer.import_rest(&key).await.unwrap(), opener.import_rest(&key).await.unwrap());
            let sealed = seal_at_rest(sealer, &ours, &context, &message).await.unwrap();
            assert_eq!(open_at_rest(&opener, &theirs, &context, &sealed).await.unwrap().expose(), message);
            let (private, public) = rsa_pair(&opener).await;
            let sealed = seal_message(sealer, &public, &context, &message).await.unwrap();
            let opened = open_message(&opener, &private, public.size(), &context, &sealed).await.unwrap();
            assert_eq!(opened.expose(), message);
            let other = Transcript::new("story").text("another");
            assert!(open_message(&opener, &private, public.size(), &other, &sealed).await.is_err());
        }
    }
}

async fn signatures_cross_engines() {
    let seed = Key32::make().unwrap();
    let public = rust::ed25519_public(&seed);
    let mut signatures = Vec::new();
    for engine in engines() {
        let signing = engine.import_signing(&seed).await.unwrap();
        let signature = engine.sign(&signing, b"message").await.unwrap();
        verify(&public, b"message", &signature).unwrap();
        signatures.push(signature);
    }
    // Ed25519 is deterministic.
    assert!(signatures.iter().all(|signature| *signature == signatures[0]));
}

const CHUNK: usize = 256 * 1024;

async fn small_envelopes_cross_engines_and_homes() {
    for length in [0, 1, 4096, 4097] {
        for (sealer, opener) in ways().iter().flat_map(|a| ways().into_iter().map(move |b| (a.clone(), b))) {
            for (pad, sign) in [(false, false), (false, true), (true, false), (true, true)] {
                seal_and_open(length, &sealer, &opener, pad, sign).await;
            }
        }
    }
}

/// The whole product of engines, homes and sizes would block a page for too long: the browser's engine with
/// its own buffers, and this module with its own, each opening what the other sealed.
async fn large_envelopes_cross_engines_and_homes() {
    let (first, last) = (ways().remove(0), ways().pop().unwrap());
    for (length, flag) in
        [(CHUNK - 1, false), (CHUNK, true), (CHUNK + 1, false), (600 * 1024, true), (1_300_000, false)]
    {
        seal_and_open(length, &first, &last, flag, flag).await;
        seal_and_open(length, &last, &first, !flag, flag).await;
    }
    for way in ways() {
        seal_and_open(CHUNK + 1, &way, &way, true, true).await;
    }
}

type Way = (Engine, Home);

/// Every engine with bytes in every home.
fn ways() -> Vec<Way> {
    engines().into_iter().flat_map(|engine| homes().into_iter().map(move |home| (engine.clone(), home))).collect()
}

async fn seal_and_open(length: usize, sealer: &Way, opener: &Way, pad: bool, sign: bool) {
    let data = sample(length);
    let (seed, key) = (Key32::make().unwrap(), DataKey(Key32::make().unwrap()));
    let (id, fingerprint) = (make_id().unwrap(), Fixed([5; 32]));
    let metadata = Metadata { kind: "bytes".into(), ..Metadata::default() };
    let signing = sealer.0.import_signing(&seed).await.unwrap();
    let author = Author { login: "alice", fingerprint: &fingerprint, key: &signing };
    let what = Seal { id, key_version: 3, metadata: &metadata, pad, author: sign.then_some(author) };
    let sealed = seal(&sealer.0, &key, &what, &buffer(sealer.1, &data)).await.unwrap();
    let text = metadata.encode(Some(length as u64)).unwrap();
    assert_eq!(sealed.bytes.len() as u64, sealed_length(text.len() as u64, length as u64, pad, sign));
    let bytes = sealed.bytes.into_heap();
    assert!(fits(&key, &bytes[..94]).unwrap());
    let opened = open(&opener.0, &key, &buffer(opener.1, &bytes), Some(&sealed.digest)).await.unwrap();
    assert_eq!((opened.header.id, opened.header.key_version), (id, 3));
    assert_eq!((opened.header.padded, opened.header.signed), (pad, sign));
    assert_eq!(opened.metadata.length, Some(length as u64));
    assert_eq!(opened.digest, sealed.digest);
    assert_eq!(opened.trailer.is_some(), sign);
    assert!(opened.data.into_heap() == data, "{length} {:?} {:?}", sealer.1, opener.1);
    if let Some(trailer) = opened.trailer {
        assert_eq!((&trailer.login[..], trailer.fingerprint), ("alice", fingerprint));
        let message = author_message(&opened.digest, &trailer.login, &trailer.fingerprint);
        verify(&rust::ed25519_public(&seed), &message, &trailer.signature.0).unwrap();
    }
}

async fn metadata_says_what_was_given() {
    let engine = &engines()[0];
    let key = DataKey(Key32::make().unwrap());
    // Order, and numbers that a parser may round, come back as they were written.
    let meta = r#"{"tags":["a","b"],"n":1.00,"large":12345678901234567890123,"a":-0}"#;
    let object = |text: &str| serde_json::value::RawValue::from_string(text.to_owned()).unwrap();
    let metadata = Metadata {
        kind: "file".into(),
        name: Some("caf\u{e9}.txt".into()),
        media_type: Some("text/plain".into()),
        meta: Some(object(meta)),
        length: None,
    };
    let what = Seal { id: make_id().unwrap(), key_version: 1, metadata: &metadata, pad: true, author: None };
    let sealed = seal(engine, &key, &what, &vec![9; 1000].into()).await.unwrap();
    let header = read_header(&sealed.bytes.prefix(94)).unwrap();
    assert!(header.padded && padme(1000) == 1024);
    let opened = open(engine, &key, &sealed.bytes, None).await.unwrap();
    let found = opened.metadata;
    assert_eq!(
        (found.kind, found.name, found.media_type),
        ("file".into(), metadata.name.clone(), metadata.media_type.clone())
    );
    assert_eq!((found.meta.unwrap().get(), found.length), (meta, Some(1000)));
    let long = Metadata { name: Some("x".repeat(1 << 20)), ..metadata.clone() };
    let wrong = Metadata { length: Some(7), ..metadata.clone() };
    let list = Metadata { meta: Some(object("[1]")), ..metadata.clone() };
    for bad in [&long, &wrong, &list] {
        let what = Seal { metadata: bad, ..what };
        let error = seal(engine, &key, &what, &vec![9; 1000].into()).await.unwrap_err();
        assert_eq!(error.code(), regrant::error::Code::BadInput);
    }
}
