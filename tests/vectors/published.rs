//! Each primitive against the vectors of its standard, in every engine.

use regrant::crypto::{Engine, hpke, rust, verify};
use regrant::error::Result;
use regrant::secret::{Key32, SecretBytes};
use sha2::Digest;

use crate::vectors::help::{cases, engines, fixed, hex, int, key, read, text};

#[cfg(target_arch = "wasm32")]
use regrant::crypto::{EngineKind, webcrypto};

stories!(
    aes_256_gcm,
    hkdf_sha_256,
    sha_2,
    pbkdf2_sha_256,
    argon2id,
    ed25519,
    long_messages_are_signed_by_their_hash,
    x25519,
    x25519_again_and_again,
    hpke_export_only,
    rsa_oaep_sha_256,
    a_new_rsa_key_has_the_size_asked_for,
);

#[cfg(target_arch = "wasm32")]
fn is_web(engine: &Engine) -> bool {
    engine.kind() == EngineKind::WebCrypto
}

pub(crate) async fn gcm_seal(engine: &Engine, key: &Key32, nonce: &[u8; 12], plaintext: &[u8]) -> Vec<u8> {
    #[cfg(target_arch = "wasm32")]
    if is_web(engine) {
        return webcrypto::aes_gcm_seal(key, nonce, plaintext).await.unwrap();
    }
    let _ = engine;
    rust::aes_gcm_seal(key, nonce, plaintext).unwrap()
}

pub(crate) async fn gcm_open(engine: &Engine, key: &Key32, nonce: &[u8; 12], sealed: &[u8]) -> Result<SecretBytes> {
    #[cfg(target_arch = "wasm32")]
    if is_web(engine) {
        return webcrypto::aes_gcm_open(key, nonce, sealed).await;
    }
    let _ = engine;
    rust::aes_gcm_open(key, nonce, sealed)
}

async fn aes_256_gcm() {
    let file = read(include_str!("published/aes-256-gcm.json"));
    for (engine, case) in engines().iter().flat_map(|e| cases(&file).iter().map(move |c| (e, c))) {
        let (key, nonce) = (key(&case["key"]), fixed(&case["nonce"]));
        let (plaintext, sealed) = (hex(&case["plaintext"]), hex(&case["sealed"]));
        assert_eq!(gcm_seal(engine, &key, &nonce, &plaintext).await, sealed);
        assert_eq!(gcm_open(engine, &key, &nonce, &sealed).await.unwrap().expose(), plaintext);
        let mut bad = sealed.clone();
        *bad.last_mut().unwrap() ^= 1;
        assert!(gcm_open(engine, &key, &nonce, &bad).await.is_err());
        assert!(gcm_open(engine, &key, &nonce, &sealed[1..]).await.is_err());
        assert!(gcm_open(engine, &key, &nonce, &[]).await.is_err());
    }
}

async fn hkdf_sha_256() {
    let file = read(include_str!("published/hkdf-sha-256.json"));
    for case in cases(&file) {
        let (ikm, salt, info) = (hex(&case["ikm"]), hex(&case["salt"]), hex(&case["info"]));
        let expected = hex(&case["okm"]);
        let mut okm = vec![0; expected.len()];
        rust::hkdf(&ikm, &salt, &info, &mut okm).unwrap();
        assert_eq!(okm, expected);
        #[cfg(target_arch = "wasm32")]
        {
            let key = webcrypto::import_hkdf(&ikm).await.unwrap();
            let mut okm = vec![0; expected.len()];
            webcrypto::hkdf(&key, &salt, &info, &mut okm).await.unwrap();
            assert_eq!(okm, expected);
        }
    }
    // And as boxes at rest use it.
    let root = Key32::from_slice(&[7; 32]).unwrap();
    let mut okms = Vec::new();
    for engine in engines() {
        let rest = engine.import_rest(&root).await.unwrap();
        let context = regrant::encoding::Transcript::new("test");
        let sealed = regrant::crypto::boxes::seal_at_rest(&engine, &rest, &context, b"at rest").await.unwrap();
        assert_eq!(regrant::crypto::boxes::open_box(&root, &context, &sealed).unwrap().expose(), b"at rest");
        okms.push(sealed.len());
    }
    assert_eq!(okms.len(), engines().len());
}

async fn sha_2() {
    let file = read(include_str!("published/sha-2.json"));
    for case in cases(&file) {
        let message = hex(&case["message"]).repeat(case["times"].as_u64().unwrap_or(1) as usize);
        assert_eq!(sha2::Sha256::digest(&message)[..], hex(&case["sha256"]));
        assert_eq!(sha2::Sha512::digest(&message)[..], hex(&case["sha512"]));
        #[cfg(target_arch = "wasm32")]
        {
            assert_eq!(webcrypto::sha256(&message).await.unwrap(), fixed(&case["sha256"]));
            assert_eq!(webcrypto::sha512(&message).await.unwrap(), fixed(&case["sha512"]));
        }
    }
}

async fn pbkdf2_sha_256() {
    let file = read(include_str!("published/pbkdf2-sha-256.json"));
    for case in cases(&file) {
        let (password, salt) = (text(&case["password"]).as_bytes(), text(&case["salt"]).as_bytes());
        let iterations = int(&case["iterations"]) as u32;
        let mut out = [0; 64];
        pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password, salt, iterations, &mut out);
        assert_eq!(out, fixed(&case["out"]));
        #[cfg(target_arch = "wasm32")]
        {
            let mut out = [0; 64];
            webcrypto::pbkdf2(password, salt, iterations, &mut out).await.unwrap();
            assert_eq!(out, fixed(&case["out"]));
        }
    }
}

async fn argon2id() {
    let file = read(include_str!("published/argon2id.json"));
    for case in cases(&file) {
        let secret = hex(&case["secret"]);
        let params = argon2::ParamsBuilder::new()
            .m_cost(int(&case["memoryKiB"]) as u32)
            .t_cost(int(&case["iterations"]) as u32)
            .p_cost(int(&case["lanes"]) as u32)
            .data(argon2::AssociatedData::new(&hex(&case["associatedData"])).unwrap())
            .build()
            .unwrap();
        let argon =
            argon2::Argon2::new_with_secret(&secret, argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        let mut out = [0; 32];
        argon.unwrap().hash_password_into(&hex(&case["password"]), &hex(&case["salt"]), &mut out).unwrap();
        assert_eq!(out, fixed(&case["out"]));
    }
}

async fn ed25519() {
    let file = read(include_str!("published/ed25519.json"));
    for (engine, case) in engines().iter().flat_map(|e| cases(&file).iter().map(move |c| (e, c))) {
        let (seed, public, message) = (key(&case["seed"]), fixed(&case["public"]), hex(&case["message"]));
        let signature = fixed(&case["signature"]);
        assert_eq!(rust::ed25519_public(&seed), public);
        let signing = engine.import_signing(&seed).await.unwrap();
        assert_eq!(engine.sign(&signing, &message).await.unwrap(), signature);
        verify(&public, &message, &signature).unwrap();
        assert!(verify(&public, b"another message", &signature).is_err());
        #[cfg(target_arch = "wasm32")]
        if is_web(engine) {
            webcrypto::ed25519_verify(&public, &message, &signature).await.unwrap();
            assert!(webcrypto::ed25519_verify(&public, b"another message", &signature).await.is_err());
        }
    }
}

/// Protocol section 0: 32 KiB are signed as they are; of one byte more, T("transcript", SHA-256) is.
async fn long_messages_are_signed_by_their_hash() {
    let mut label = vec![0, 0, 0, 21];
    label.extend_from_slice(b"regrant/v1/transcript");
    let seed = Key32::from_slice(&[7; 32]).unwrap();
    let public = rust::ed25519_public(&seed);
    for engine in engines() {
        let signing = engine.import_signing(&seed).await.unwrap();
        for length in [32_768, 32_769, 65_536, 1 << 20] {
            let message: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let hashed = [&label[..], &[0, 0, 0, 32], &sha2::Sha256::digest(&message)].concat();
            let signature = engine.sign(&signing, &message).await.unwrap();
            verify(&public, &message, &signature).unwrap();
            let as_it_is = rust::ed25519_verify(&public, &message, &signature).is_ok();
            let by_hash = rust::ed25519_verify(&public, &hashed, &signature).is_ok();
            assert_eq!((as_it_is, by_hash), (length == 32_768, length > 32_768), "{length} bytes");
            assert!(verify(&public, &message[1..], &signature).is_err());
        }
    }
}

async fn x25519() {
    let file = read(include_str!("published/x25519.json"));
    for case in cases(&file) {
        let (private, public, shared) = (key(&case["private"]), fixed(&case["public"]), hex(&case["shared"]));
        let ours = x25519_dalek::StaticSecret::from(*private.expose());
        assert_eq!(ours.diffie_hellman(&x25519_dalek::PublicKey::from(public)).as_bytes()[..], shared);
        if case["own"].is_string() {
            assert_eq!(rust::x25519_public(&private)[..], hex(&case["own"]));
        }
        #[cfg(target_arch = "wasm32")]
        if let Some(found) = webcrypto::x25519(&private, &public).await.unwrap() {
            assert_eq!(found.expose()[..], shared);
            assert!(webcrypto::x25519(&private, &[0; 32]).await.is_err());
        }
    }
}

/// RFC 7748, section 5.2: what comes out goes in again, as the scalar, and the scalar as the point.
async fn x25519_again_and_again() {
    let file = read(include_str!("published/x25519.json"));
    let cases = file["iterated"].as_array().unwrap();
    let mut nine = [0; 32];
    nine[0] = 9;
    for engine in engines() {
        let (mut scalar, mut point, mut done) = (nine, nine, 0);
        for case in cases {
            while done < int(&case["times"]) {
                let private = Key32::from_slice(&scalar).unwrap();
                point = std::mem::replace(&mut scalar, x25519_once(&engine, &private, &point).await);
                done += 1;
            }
            assert_eq!(scalar, fixed(&case["out"]), "{done}");
        }
        assert_eq!(done, 1000);
    }
}

async fn x25519_once(engine: &Engine, private: &Key32, public: &[u8; 32]) -> [u8; 32] {
    #[cfg(target_arch = "wasm32")]
    if is_web(engine)
        && let Some(shared) = webcrypto::x25519(private, public).await.unwrap()
    {
        return *shared.expose();
    }
    let _ = engine;
    let ours = x25519_dalek::StaticSecret::from(*private.expose());
    *ours.diffie_hellman(&x25519_dalek::PublicKey::from(*public)).as_bytes()
}

async fn hpke_export_only() {
    let file = read(include_str!("published/hpke-export-only.json"));
    let (info, ikm) = (hex(&file["info"]), key(&file["ikmE"]));
    for case in cases(&file) {
        let (context, value) = (hex(&case["context"]), key(&case["value"]));
        let found = hpke::open_with(&key(&file["skR"]), &hex(&file["enc"]), &info, &context).unwrap();
        assert_eq!(found, value);
        let (enc, sent) = hpke::dangerous_seal_with(&ikm, &fixed(&file["pkR"]), &info, &context).unwrap();
        assert_eq!((&enc[..], sent), (&hex(&file["enc"])[..], value));
    }
}

/// What we encrypt, every engine opens; what others encrypted is Wycheproof's part.
async fn rsa_oaep_sha_256() {
    for (ours, theirs) in engines().iter().flat_map(|a| engines().into_iter().map(move |b| (a, b))) {
        let (_, public) = crate::vectors::help::rsa_pair(ours).await;
        let (private, _) = crate::vectors::help::rsa_pair(&theirs).await;
        // Not an empty message: WebKitGTK encrypts none. Keys of 32 bytes are all that is ever sealed so.
        for (label, length) in [(&b""[..], 1), (b"label", 32), (b"", 190)] {
            let message = crate::vectors::help::sample(length);
            let sealed = ours.rsa_encrypt(&public, label, &message).await.unwrap();
            assert_eq!(theirs.rsa_decrypt(&private, label, &sealed, length).await.unwrap().expose(), message);
            assert!(theirs.rsa_decrypt(&private, b"another", &sealed, length).await.is_err());
        }
        assert!(ours.rsa_encrypt(&public, b"", &[0; 191]).await.is_err());
    }
}

async fn a_new_rsa_key_has_the_size_asked_for() {
    for engine in engines() {
        assert!(engine.rsa_generate(1024).await.is_err());
        // Made in this module it takes seconds in a browser: there the browser's is enough.
        if cfg!(target_arch = "wasm32") && engine.kind() == regrant::crypto::EngineKind::Rust {
            continue;
        }
        let pkcs8 = engine.rsa_generate(2048).await.unwrap();
        let (private, public) = engine.import_decryption(&pkcs8).await.unwrap();
        assert_eq!(public.size(), 256);
        let sealed = engine.rsa_encrypt(&public, b"label", b"message").await.unwrap();
        assert_eq!(engine.rsa_decrypt(&private, b"label", &sealed, 7).await.unwrap().expose(), b"message");
    }
}
