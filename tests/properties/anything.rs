//! Anything at all: bytes without sense, and bytes that made sense before they were changed.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use regrant::crypto::envelope::{Metadata, padme};
use regrant::crypto::keys::EncryptionKey;
use regrant::crypto::{Engine, boxes, hpke, rust, shamir};
use regrant::encoding::{Fixed, Transcript, from_base64url, from_hex, to_base64url};
use regrant::trust::{matches, qr_payload, verification_code};

use crate::probe::{self, TARGETS, data_key, key};

/// What the fuzzers kept: a place to start from.
static KEPT: LazyLock<Vec<Vec<Vec<u8>>>> = LazyLock::new(|| {
    let read = |target| std::fs::read_to_string(format!("{}/fuzz/corpus/{target}.txt", env!("CARGO_MANIFEST_DIR")));
    let lines = |text: String| text.lines().map(|line| from_base64url(line).unwrap()).collect();
    TARGETS.iter().map(|(target, _)| lines(read(target).unwrap())).collect()
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_parser_panic(target in 0..TARGETS.len(), bytes in vec(any::<u8>(), 0..300)) {
        (TARGETS[target].1)(&bytes);
    }

    #[test]
    fn no_harm_to_a_genuine_input_makes_a_parser_panic(
        target in 0..TARGETS.len(),
        which in any::<prop::sample::Index>(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let all = &KEPT[target];
        let mut bytes = all[which.index(all.len())].clone();
        for (at, to) in changes {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = to;
            }
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len() + 1)));
        (TARGETS[target].1)(&bytes);
    }

    #[test]
    fn whole_stream_and_parts_open_the_same(
        data in vec(any::<u8>(), 0..9000), padded: bool, signed: bool, piece: u8, name in prop::option::of(".{0,20}"),
        harm in prop::option::of((any::<prop::sample::Index>(), 1..=255u8)),
    ) {
        let length = data.len() as u64;
        let metadata = Metadata { kind: "file".into(), name, ..Metadata::default() }.encode(Some(length)).unwrap();
        let mut plain = data;
        if padded {
            plain.resize(padme(length) as usize, 0);
        }
        let trailer = regrant::encoding::compound(&[b"alice", &[1; 32], &[2; 64]]);
        let mut sealed = probe::envelope::seal(&data_key(7), padded, &metadata, &plain, signed.then_some(&trailer));
        prop_assert!(probe::envelope::agree(&data_key(7), &sealed, piece));
        prop_assert!(!probe::envelope::agree(&data_key(8), &sealed, piece));
        if let Some((at, by)) = harm {
            let at = at.index(sealed.len());
            sealed[at] ^= by;
            prop_assert!(!probe::envelope::agree(&data_key(7), &sealed, piece), "byte {}", at);
        }
    }

    #[test]
    fn bytes_and_text_go_back_and_forth(bytes in vec(any::<u8>(), 0..200), text in ".{0,40}") {
        prop_assert_eq!(&from_base64url(&to_base64url(&bytes)).unwrap(), &bytes);
        prop_assert_eq!(&from_hex(&hex::encode(&bytes)).unwrap(), &bytes);
        prop_assert_eq!(&from_hex(&hex::encode_upper(&bytes)).unwrap(), &bytes);
        probe::text::encodings(&text);
        probe::text::login(&text);
        probe::text::metadata(&text);
    }

    #[test]
    fn a_box_opens_under_its_own_key_and_context_alone(message in vec(any::<u8>(), 0..200), n in 2..9u8) {
        let engine = Engine::rust();
        let sealed = boxes::seal_box(&engine, &key(1), &Transcript::new("a"), &message).unwrap();
        let opened = boxes::open_box(&key(1), &Transcript::new("a"), &sealed).unwrap();
        prop_assert_eq!(opened.expose(), &message[..]);
        prop_assert!(boxes::open_box(&key(n), &Transcript::new("a"), &sealed).is_err());
        prop_assert!(boxes::open_box(&key(1), &Transcript::new("b"), &sealed).is_err());
        prop_assert!(boxes::open_box(&key(1), &Transcript::new("a"), &sealed[..sealed.len() - 1]).is_err());
    }

    #[test]
    fn an_encapsulated_key_is_for_its_holder_and_its_info_alone(private: [u8; 32], info in vec(any::<u8>(), 0..64)) {
        let private = regrant::secret::Key32::from_slice(&private).unwrap();
        let info = Transcript::new("slot").bytes(&info);
        let (enc, shared) = hpke::seal_key(&rust::x25519_public(&private), &info).unwrap();
        prop_assert!(hpke::open_key(&private, &enc, &info).unwrap() == shared);
        prop_assert!(hpke::open_key(&private, &enc, &info.clone().int(0)).unwrap() != shared);
        prop_assert!(hpke::open_key(&private, &enc[..31], &info).is_err());
    }

    #[test]
    fn any_threshold_of_shares_gives_the_secret(secret in vec(any::<u8>(), 1..100), k in 2..6u8, more in 0..4u8, skip in 0..4usize) {
        let shares = shamir::split(&Engine::rust(), &secret, k, k + more).unwrap();
        let from = skip.min(more as usize);
        let given: Vec<&[u8]> = shares[from..from + k as usize].iter().map(|s| s.expose()).collect();
        let back = shamir::combine(&given).unwrap();
        prop_assert_eq!(back.expose(), &secret[..]);
        prop_assert!(shamir::combine(&given[1..]).is_err());
    }

    #[test]
    fn a_code_matches_its_own_keyset_alone(fingerprint: [u8; 32], login in "[a-z]{1,20}", other in "[a-z]{1,20}", digits in "[0-9 -]{0,40}") {
        let own = Fixed(fingerprint);
        let shown = qr_payload(&own, &login);
        prop_assert!(matches(&shown, &own, &login));
        prop_assert_eq!(matches(&shown, &own, &other), login == other);
        prop_assert!(!matches(&shown, &Fixed([7; 32]), &login));
        prop_assert!(!matches(&shown[..shown.len() - 1], &own, &login));
        prop_assert!(!matches(&digits, &own, &login));
    }

    #[test]
    fn one_encoding_of_a_public_key_is_read(at in any::<prop::sample::Index>(), to: u8, more in vec(any::<u8>(), 0..4)) {
        let world = probe::text::world();
        let spki = hex::decode(world["people"][1]["spki"].as_str().unwrap()).unwrap();
        prop_assert!(EncryptionKey::from_spki(&spki).is_ok_and(|public| public.spki() == spki));
        let mut harmed = spki.clone();
        let at = at.index(spki.len());
        harmed[at] = to;
        harmed.extend(&more);
        // Another modulus of the same length may be a key too; then it prints as it was.
        if let Ok(public) = EncryptionKey::from_spki(&harmed) {
            prop_assert_eq!(public.spki(), &harmed[..]);
        }
        prop_assert!(more.is_empty() || EncryptionKey::from_spki(&[&spki[..], &more].concat()).is_err());
    }
}

#[test]
fn the_verification_code_of_the_probe_is_the_one_it_knows() {
    let code = verification_code(&Fixed([1; 32]), "alice");
    probe::text::code(&code);
    assert!(matches(&code, &Fixed([1; 32]), "alice"), "{code}");
}
