//! What was altered, cut, moved or meant for another key is refused, and always in the same words.

use regrant::crypto::boxes::{BOX_OVERHEAD, open_box, open_message, seal_box, seal_message};
use regrant::crypto::envelope::{Author, Buffer, Metadata, Seal, Sealed, dangerous_seal_with, fits, open, seal};
use regrant::crypto::keys::DataKey;
use regrant::crypto::{Engine, rust, verify};
use regrant::encoding::{Fixed, Transcript};
use regrant::error::{Code, Error};
use regrant::secret::{Key32, make_id};

use crate::vectors::help::{buffer, engines, homes, rsa_pair, sample};

stories!(
    every_cut_and_every_changed_byte_of_an_envelope_is_refused,
    swapped_missing_and_repeated_chunks_are_refused,
    large_envelopes_are_refused_alike_wherever_their_bytes_are,
    padding_that_is_not_zero_is_refused,
    another_key_or_digest_opens_nothing,
    what_a_reader_puts_in_an_items_place_does_not_match_the_grant,
    a_newer_envelope_says_so,
    every_cut_and_every_changed_byte_of_a_box_is_refused,
    sealed_messages_open_for_their_recipient_only,
    keys_of_small_order_verify_nothing,
);

struct Story {
    key: DataKey,
    sealed: Sealed,
}

async fn envelope(engine: &Engine, length: usize, sign: bool, pad: bool, chunk_log2: u8) -> Story {
    let (key, fingerprint) = (DataKey(Key32::make().unwrap()), Fixed([5; 32]));
    let signing = engine.import_signing(&Key32::make().unwrap()).await.unwrap();
    let author = Author { login: "alice", fingerprint: &fingerprint, key: &signing };
    let metadata = Metadata { kind: "text".into(), ..Metadata::default() };
    let what =
        Seal { id: make_id().unwrap(), key_version: 1, metadata: &metadata, pad, author: sign.then_some(author) };
    let data = sample(length).into();
    let sealed = dangerous_seal_with(engine, &key, &what, &data, &[3; 32], chunk_log2).await.unwrap();
    Story { key, sealed }
}

async fn refused(engine: &Engine, story: &Story, bytes: &[u8], what: &str) {
    for home in homes() {
        let error = open(engine, &story.key, &buffer(home, bytes), None).await.expect_err(what);
        let newer = error.code() == Code::UnsupportedVersion && bytes.len() >= 94;
        assert!(error == Error::corrupt() || (newer && bytes[3..6] != story.sealed.bytes.prefix(6)[3..]), "{what}");
    }
}

async fn every_cut_and_every_changed_byte_of_an_envelope_is_refused() {
    for engine in engines() {
        for (sign, pad) in [(false, false), (true, false), (true, true)] {
            let story = envelope(&engine, 37, sign, pad, 18).await;
            let good = story.sealed.bytes.clone().into_heap();
            for cut in 0..good.len() {
                refused(&engine, &story, &good[..cut], "a cut").await;
            }
            for at in 0..good.len() {
                for bit in [1, 0x80] {
                    let mut bad = good.clone();
                    bad[at] ^= bit;
                    refused(&engine, &story, &bad, "a changed byte").await;
                }
            }
            for more in [1, 16, 380] {
                refused(&engine, &story, &[&good[..], &vec![0; more]].concat(), "more bytes").await;
            }
        }
    }
}

async fn swapped_missing_and_repeated_chunks_are_refused() {
    const SEALED: usize = 4096 + 16;
    for engine in engines() {
        for sign in [false, true] {
            let story = envelope(&engine, 4096 * 4, sign, false, 12).await;
            let good = story.sealed.bytes.clone().into_heap();
            let trailer = if sign { 380 } else { 0 };
            let start = good.len() - trailer - 4 * SEALED;
            let chunk = |i: usize| &good[start + i * SEALED..start + (i + 1) * SEALED];
            let (head, tail) = (&good[..start], &good[good.len() - trailer..]);
            for order in [&[1, 0, 2, 3][..], &[0, 1, 3, 2], &[0, 1, 2], &[0, 1, 2, 2], &[0, 1, 2, 3, 3], &[3], &[]] {
                let chunks: Vec<u8> = order.iter().flat_map(|i| chunk(*i).to_vec()).collect();
                refused(&engine, &story, &[head, &chunks, tail].concat(), "moved chunks").await;
            }
            // The same item sealed again under its own key gives no exchangeable parts.
            let other = envelope(&engine, 4096 * 4, sign, false, 12).await.sealed.bytes.into_heap();
            let spliced = [&good[..start], &other[start..]].concat();
            refused(&engine, &story, &spliced, "another envelope's chunks").await;
        }
    }
}

async fn large_envelopes_are_refused_alike_wherever_their_bytes_are() {
    for engine in engines() {
        let story = envelope(&engine, 20_000, true, true, 12).await;
        let good = story.sealed.bytes.clone().into_heap();
        for at in (0..good.len()).step_by(997).chain([94, good.len() - 381, good.len() - 1]) {
            let mut bad = good.clone();
            bad[at] ^= 4;
            refused(&engine, &story, &bad, "a changed byte").await;
            refused(&engine, &story, &good[..at], "a cut").await;
        }
        let bytes = open(&engine, &story.key, &Buffer::Heap(good), Some(&story.sealed.digest)).await.unwrap();
        assert!(bytes.data.into_heap() == sample(20_000));
    }
}

async fn padding_that_is_not_zero_is_refused() {
    // Whoever holds the data key could hide something there.
    for engine in engines() {
        let story = envelope(&engine, 20_000, false, true, 12).await;
        let mut bytes = story.sealed.bytes.clone().into_heap();
        let info = Transcript::new("envelope").bytes(&bytes[..30]);
        let mut okm = [0; 64];
        rust::hkdf(story.key.0.expose(), &bytes[30..62], info.as_bytes(), &mut okm).unwrap();
        let content = Key32::from_slice(&okm[..32]).unwrap();
        // 20,000 bytes are padded to 20,480: five full chunks.
        let (start, nonce) = (bytes.len() - 4112, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 1]);
        let mut last = rust::aes_gcm_open(&content, &nonce, &bytes[start..]).unwrap().into_exposed();
        *last.last_mut().unwrap() = 1;
        bytes.truncate(start);
        bytes.extend_from_slice(&rust::aes_gcm_seal(&content, &nonce, &last).unwrap());
        refused(&engine, &story, &bytes, "hidden bytes").await;
    }
}

async fn another_key_or_digest_opens_nothing() {
    for engine in engines() {
        let story = envelope(&engine, 5000, false, false, 18).await;
        let bytes = story.sealed.bytes.clone().into_heap();
        for home in homes() {
            let there = buffer(home, &bytes);
            let other = DataKey(Key32::make().unwrap());
            assert!(!fits(&other, &bytes).unwrap() && fits(&story.key, &bytes).unwrap());
            assert_eq!(open(&engine, &other, &there, None).await.unwrap_err(), Error::corrupt());
            let wrong = Fixed([0; 32]);
            assert_eq!(open(&engine, &story.key, &there, Some(&wrong)).await.unwrap_err(), Error::corrupt());
            open(&engine, &story.key, &there, Some(&story.sealed.digest)).await.unwrap();
        }
    }
}

async fn what_a_reader_puts_in_an_items_place_does_not_match_the_grant() {
    let engine = Engine::rust();
    let story = envelope(&engine, 10, false, false, 18).await;
    let id = regrant::crypto::envelope::read_header(&story.sealed.bytes.prefix(94)).unwrap().id;
    let metadata = Metadata { kind: "text".into(), ..Metadata::default() };
    let what = Seal { id, key_version: 1, metadata: &metadata, pad: false, author: None };
    let forged = seal(&engine, &story.key, &what, &b"something else".to_vec().into()).await.unwrap();
    open(&engine, &story.key, &forged.bytes, None).await.unwrap();
    let error = open(&engine, &story.key, &forged.bytes, Some(&story.sealed.digest)).await.unwrap_err();
    assert_eq!(error, Error::corrupt());
}

async fn a_newer_envelope_says_so() {
    let engine = Engine::rust();
    let story = envelope(&engine, 10, false, false, 18).await;
    let good = story.sealed.bytes.into_heap();
    for (at, to) in [(3, b'2'), (4, 2), (5, 18 | 0x20)] {
        let mut newer = good.clone();
        newer[at] = to;
        let error = open(&engine, &story.key, &newer.clone().into(), None).await.unwrap_err();
        assert_eq!(error.code(), Code::UnsupportedVersion);
        assert_eq!(fits(&story.key, &newer).unwrap_err().code(), Code::UnsupportedVersion);
    }
}

async fn every_cut_and_every_changed_byte_of_a_box_is_refused() {
    let (engine, key, context) = (Engine::rust(), Key32::make().unwrap(), Transcript::new("box").text("field"));
    let good = seal_box(&engine, &key, &context, b"message").unwrap();
    assert_eq!(good.len(), 7 + BOX_OVERHEAD);
    let refused = |bytes: &[u8]| assert_eq!(open_box(&key, &context, bytes).unwrap_err(), Error::corrupt());
    for at in 0..good.len() {
        refused(&good[..at]);
        let mut bad = good.clone();
        bad[at] ^= 1;
        refused(&bad);
    }
    refused(&[&good[..], &[0]].concat());
    assert!(open_box(&Key32::make().unwrap(), &context, &good).is_err());
    assert!(open_box(&key, &Transcript::new("box").text("other"), &good).is_err());
}

async fn sealed_messages_open_for_their_recipient_only() {
    for engine in engines() {
        let (private, public) = rsa_pair(&engine).await;
        let context = Transcript::new("message");
        let good = seal_message(&engine, &public, &context, b"m").await.unwrap();
        for at in [0, 255, 256, 300, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            let error = open_message(&engine, &private, 256, &context, &bad).await.unwrap_err();
            assert_eq!(error, Error::corrupt());
            let error = open_message(&engine, &private, 256, &context, &good[..at]).await.unwrap_err();
            assert_eq!(error, Error::corrupt());
        }
    }
}

async fn keys_of_small_order_verify_nothing() {
    // The eight points of small order, and encodings of them that are not canonical.
    let points = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ];
    let seed = Key32::make().unwrap();
    let engine = Engine::rust();
    let signing = engine.import_signing(&seed).await.unwrap();
    let good = engine.sign(&signing, b"m").await.unwrap();
    let public = rust::ed25519_public(&seed);
    for point in points {
        let point: [u8; 32] = hex::decode(point).unwrap().try_into().unwrap();
        // S = 0 with A and R of small order satisfies the cofactored equation for any message.
        let mut forged = [0; 64];
        forged[..32].copy_from_slice(&point);
        let mut moved = good;
        moved[..32].copy_from_slice(&point);
        for (key, signature) in [(&point, &forged), (&point, &good), (&public, &moved), (&public, &forged)] {
            assert_eq!(verify(key, b"m", signature).unwrap_err().code(), Code::VerificationFailed);
            #[cfg(target_arch = "wasm32")]
            assert!(regrant::crypto::webcrypto::ed25519_verify(key, b"m", signature).await.is_err());
        }
    }
    // S + L verifies in a lax implementation.
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let mut lax = good;
    let mut carry = 0;
    for (byte, add) in lax[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    assert!(verify(&public, b"m", &lax).is_err());
    verify(&public, b"m", &good).unwrap();
}
