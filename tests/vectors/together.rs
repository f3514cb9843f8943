//! Each engine, and each home of bytes, opens what the other sealed.

use regrant::crypto::boxes::{open_at_rest, open_box, open_message, seal_at_rest, seal_box, seal_message};
use regrant::crypto::envelope::{
    Author, Metadata, Seal, author_message, fits, open, padme, read_header, seal, sealed_length,
};
use regrant::crypto::keys::DataKey;
use regrant::crypto::{rust, verify};
use regrant::encoding::{Fixed, Transcript};
use regrant::secret::{Key32, make_id};

use crate::help::{buffer, engines, homes, rsa_pair, sample};

stories!(
    boxes_and_sealed_messages_cross_engines,
    signatures_cross_engines,
    envelopes_of_every_size_cross_engines_and_homes,
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

async fn envelopes_of_every_size_cross_engines_and_homes() {
    const CHUNK: usize = 256 * 1024;
    let seed = Key32::make().unwrap();
    let fingerprint = Fixed([5; 32]);
    let metadata = Metadata { kind: "bytes".into(), ..Metadata::default() };
    let ways = || engines().into_iter().flat_map(|engine| homes().into_iter().map(move |home| (engine.clone(), home)));
    for length in [0, 1, 4096, 4097, CHUNK - 1, CHUNK, CHUNK + 1, 600 * 1024, 1_300_000] {
        let data = sample(length);
        for (sealer, from) in ways() {
            for (pad, sign) in [(false, false), (true, true)] {
                let key = DataKey(Key32::make().unwrap());
                let signing = sealer.import_signing(&seed).await.unwrap();
                let author = Author { login: "alice", fingerprint: &fingerprint, key: &signing };
                let id = make_id().unwrap();
                let what = Seal { id, key_version: 3, metadata: &metadata, pad, author: sign.then_some(author) };
                let sealed = seal(&sealer, &key, &what, &buffer(from, &data)).await.unwrap();
                let text = metadata.encode(length as u64).unwrap();
                let expected = sealed_length(text.len() as u64, length as u64, pad, sign);
                assert_eq!(sealed.bytes.len() as u64, expected);
                let bytes = sealed.bytes.into_heap();
                assert!(fits(&key, &bytes[..94]).unwrap());
                for (opener, to) in ways() {
                    let opened = open(&opener, &key, &buffer(to, &bytes), Some(&sealed.digest)).await.unwrap();
                    assert_eq!((opened.header.id, opened.header.key_version), (id, 3));
                    assert_eq!((opened.header.padded, opened.header.signed), (pad, sign));
                    assert_eq!(opened.metadata.length, Some(length as u64));
                    assert_eq!(opened.digest, sealed.digest);
                    assert_eq!(opened.trailer.is_some(), sign);
                    assert!(opened.data.into_heap() == data, "{length} {from:?} {to:?}");
                    if let Some(trailer) = opened.trailer {
                        assert_eq!((&trailer.login[..], trailer.fingerprint), ("alice", fingerprint));
                        let message = author_message(&opened.digest, &trailer.login, &trailer.fingerprint);
                        verify(&rust::ed25519_public(&seed), &message, &trailer.signature.0).unwrap();
                    }
                }
            }
        }
    }
}

async fn metadata_says_what_was_given() {
    let engine = &engines()[0];
    let key = DataKey(Key32::make().unwrap());
    let meta = serde_json::json!({ "tags": ["a", "b"], "n": 1 }).as_object().cloned();
    let metadata = Metadata {
        kind: "file".into(),
        name: Some("caf\u{e9}.txt".into()),
        media_type: Some("text/plain".into()),
        meta,
        length: None,
    };
    let what = Seal { id: make_id().unwrap(), key_version: 1, metadata: &metadata, pad: true, author: None };
    let sealed = seal(engine, &key, &what, &vec![9; 1000].into()).await.unwrap();
    let header = read_header(&sealed.bytes.prefix(94)).unwrap();
    assert!(header.padded && padme(1000) == 1024);
    let opened = open(engine, &key, &sealed.bytes, None).await.unwrap();
    assert_eq!(opened.metadata, Metadata { length: Some(1000), ..metadata.clone() });
    let long = Metadata { name: Some("x".repeat(1 << 20)), ..metadata.clone() };
    let wrong = Metadata { length: Some(7), ..metadata.clone() };
    for bad in [&long, &wrong] {
        let what = Seal { metadata: bad, ..what };
        let error = seal(engine, &key, &what, &vec![9; 1000].into()).await.unwrap_err();
        assert_eq!(error.code(), regrant::error::Code::BadInput);
    }
}
