//! Keys, and what is sealed under them: public and private keys, key pairs, encapsulations, boxes, shares, signatures,
//! private parts and slots.

use std::cell::OnceCell;

use futures::executor::block_on;
use regrant::crypto::boxes::{dangerous_seal_box_with, open_box, open_message};
use regrant::crypto::keys::EncryptionKey;
use regrant::crypto::{Engine, hpke, rust, shamir, verify};
use regrant::encoding::{Transcript, take_lp};
use regrant::keyring::{self, KeyPair, Secret};
use regrant::relay::OwnKeyset;
use regrant::secret::SecretBytes;

use super::{Input, key};

const NAMES: usize = 10;

/// The first byte picks what is read.
pub fn probe(data: &[u8]) {
    let mut input = Input(data);
    let context = Transcript::new("probe");
    match input.byte() as usize % NAMES {
        0 => {
            // Only one encoding of a public key is read.
            if let Ok(public) = EncryptionKey::from_spki(input.0) {
                assert_eq!(public.spki(), input.0);
                assert!(matches!(public.size(), 256 | 384 | 512));
            }
        }
        1 => {
            let pkcs8 = SecretBytes::new(input.rest().to_vec());
            if let Ok((private, public)) = rust::rsa_from_pkcs8(&pkcs8) {
                let again = rust::rsa_to_pkcs8(&private).unwrap();
                assert_eq!(rust::rsa_from_pkcs8(&again).unwrap().1.spki(), public.spki());
            }
        }
        2 => {
            let spki_len = input.short() as usize;
            let spki = input.take(spki_len);
            let _ = KeyPair::parse(spki, SecretBytes::new(input.rest().to_vec()));
        }
        3 => {
            let enc_len = input.byte() as usize;
            let enc = input.take(enc_len);
            if hpke::open_key(&key(1), enc, &Transcript::new("slot").bytes(input.rest())).is_ok() {
                assert_eq!(enc.len(), hpke::ENC_LENGTH);
            }
        }
        4 => drop(open_box(&key(1), &context, input.rest())),
        5 => {
            // A box opens if nothing about it was changed, and only then.
            let message_len = input.byte() as usize;
            let message = input.take(message_len);
            let sealed = dangerous_seal_box_with(&key(1), &context, message, &[2; 32]).unwrap();
            let mut harmed = sealed.clone();
            harmed.truncate(harmed.len() - (input.byte() as usize).min(harmed.len()));
            while !input.0.is_empty() && !harmed.is_empty() {
                let at = input.short() as usize % harmed.len();
                harmed[at] ^= input.byte();
            }
            match open_box(&key(1), &context, &harmed) {
                Ok(opened) => assert!(harmed == sealed && opened.expose() == message),
                Err(_) => assert!(harmed != sealed),
            }
        }
        6 => {
            let length = input.byte() as usize;
            let mut shares = Vec::new();
            while !input.0.is_empty() && shares.len() < 300 {
                shares.push(input.take(length.max(1)));
            }
            let _ = shamir::combine(&shares);
        }
        7 => split(&mut input),
        8 => {
            let (mut public, mut signature) = ([0; 32], [0; 64]);
            public.iter_mut().chain(&mut signature).for_each(|byte| *byte = input.byte());
            if verify(&public, input.0, &signature).is_ok() {
                signature[0] ^= 1;
                assert!(verify(&public, input.0, &signature).is_err());
            }
            let mut rest = input.rest();
            while take_lp(&mut rest).is_ok() {}
        }
        _ => match input.byte() {
            0 => _ = own(input.rest()),
            _ => sealed_message(input.rest()),
        },
    }
}

/// Any threshold of shares gives the secret back, and no harmed ones do.
fn split(input: &mut Input<'_>) {
    let (threshold, shares, length) = (input.byte(), input.byte(), input.byte() as usize);
    let secret = input.take(length);
    let coefficients = vec![input.byte(); (secret.len() + 16) * (threshold as usize).saturating_sub(1)];
    let made = shamir::dangerous_split_with(secret, threshold, shares, &coefficients);
    assert_eq!(made.is_ok(), threshold >= 2 && threshold <= shares && !secret.is_empty());
    let Ok(made) = made else { return };
    let mut given: Vec<Vec<u8>> = made[..threshold as usize].iter().map(|s| s.expose().to_vec()).collect();
    let refs = |given: &[Vec<u8>]| shamir::combine(&given.iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert_eq!(refs(&given).unwrap().expose(), secret);
    let (which, at, by) = (input.byte() as usize % given.len(), input.short() as usize, input.byte());
    let at = at % given[which].len();
    given[which][at] ^= by;
    // With x changed, a share may by chance be one of the same polynomials (they are constant when all is zero).
    if by != 0 && at > 0 {
        assert!(refs(&given).is_err());
    }
}

/// A relay's answer about own keysets, opened with a vault secret that a relay does not know.
pub fn own(json: &[u8]) -> bool {
    let Ok(all) =
        std::str::from_utf8(json).map_err(drop).and_then(|t| regrant::wire::parse::<Vec<OwnKeyset>>(t).map_err(drop))
    else {
        return false;
    };
    let secret = Secret::Vault(key(0x11));
    block_on(keyring::open(&Engine::rust(), "alice", &all, &secret)).is_ok_and(|opened| opened.is_some())
}

fn sealed_message(sealed: &[u8]) {
    thread_local! {
        static PAIR: OnceCell<rsa::RsaPrivateKey> = const { OnceCell::new() };
    }
    PAIR.with(|pair| {
        let pair = pair.get_or_init(|| {
            let pkcs8 = super::text::world()["people"][1]["pkcs8"].as_str().unwrap().to_owned();
            rust::rsa_from_pkcs8(&SecretBytes::new(hex::decode(pkcs8).unwrap())).unwrap().0
        });
        let key = regrant::crypto::keys::DecryptionKey::Rust(Box::new(pair.clone()));
        assert!(block_on(open_message(&Engine::rust(), &key, 256, &Transcript::new("probe"), sealed)).is_err());
    });
}
