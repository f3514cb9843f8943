//! The protocol's own vectors, in `tests/vectors/*.json`: made again byte for byte, and opened.
//!
//! Each file holds inputs (randomness among them) and `out`, which `make` computes from the inputs.

use regrant::crypto::boxes::{dangerous_seal_box_with, open_box, open_message};
use regrant::crypto::envelope::{Author, Metadata, Seal, author_message, dangerous_seal_with, open};
use regrant::crypto::keys::DataKey;
use regrant::crypto::{Engine, hpke, kdf, rust, shamir, split, verify};
use regrant::encoding::{Fixed, Transcript};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::vectors::help::{buffer, cases, engines, fixed, hex, homes, int, key, read, rsa_pair, text};

stories!(transcripts, boxes, sealed_messages, kdfs, envelopes, shares, hpke_keys);

/// T(what, fields), from JSON.
fn transcript(case: &Value) -> Transcript {
    let fields = case["fields"].as_array().unwrap();
    fields.iter().fold(Transcript::new(text(&case["what"])), |t, field| {
        let (kind, value) = field.as_object().unwrap().iter().next().unwrap();
        match kind.as_str() {
            "text" => t.text(text(value)),
            "int" => t.int(int(value)),
            "uuid" => t.uuid(text(value).parse().unwrap()),
            "bytes" => t.bytes(&hex(value)),
            "option" => t.option(value.is_string().then(|| hex(value)).as_deref()),
            "list" => t.list(value.as_array().unwrap().iter().map(hex)),
            other => panic!("a field of kind {other}"),
        }
    })
}

fn make_transcript(case: &Value) -> Value {
    let t = transcript(case);
    json!({ "transcript": hex::encode(t.as_bytes()), "sha256": hex::encode(t.sha256()) })
}

async fn transcripts() {
    for case in cases(&read(include_str!("transcripts.json"))) {
        assert_eq!(make_transcript(case), case["out"]);
    }
}

fn make_box(case: &Value) -> Value {
    let message = hex(&case["message"]);
    let sealed = dangerous_seal_box_with(&key(&case["key"]), &transcript(case), &message, &fixed(&case["salt"]));
    json!(hex::encode(sealed.unwrap()))
}

async fn boxes() {
    for case in cases(&read(include_str!("boxes.json"))) {
        assert_eq!(make_box(case), case["out"]);
        let opened = open_box(&key(&case["key"]), &transcript(case), &hex(&case["out"])).unwrap();
        assert_eq!(opened.expose(), hex(&case["message"]));
    }
}

/// Sealed to the RSA key of `published/rsa-oaep-sha-256.json`. OAEP is random: these are only opened.
async fn sealed_messages() {
    let file = read(include_str!("sealed-messages.json"));
    for engine in engines() {
        let (private, public) = rsa_pair(&engine).await;
        for case in cases(&file) {
            let opened = open_message(&engine, &private, public.size(), &transcript(case), &hex(&case["out"])).await;
            assert_eq!(opened.unwrap().expose(), hex(&case["message"]));
        }
    }
}

fn make_kdf(case: &Value, root: &regrant::secret::Key32) -> Value {
    let salt = Transcript::new("split").text(text(&case["application"])).text(text(&case["login"])).sha256();
    let secrets = split::split_root(root).unwrap();
    let relay = split::relay_secret(&secrets.vault, text(&case["relayId"])).unwrap();
    json!({
        "salt": hex::encode(&salt[..16]),
        "root": hex::encode(root.expose()),
        "vaultSecret": hex::encode(secrets.vault.expose()),
        "appSecret": hex::encode(secrets.app.expose()),
        "relaySecret": hex::encode(relay.expose()),
    })
}

async fn root(engine: &Engine, case: &Value) -> regrant::secret::Key32 {
    let profile: kdf::Kdf = serde_json::from_value(case["kdf"].clone()).unwrap();
    let (password, application, login) = (&case["password"], &case["application"], &case["login"]);
    kdf::derive_root_with(engine, text(password), text(application), text(login), &profile).await.unwrap()
}

async fn kdfs() {
    for engine in engines() {
        for case in cases(&read(include_str!("kdf.json"))) {
            // Argon2id is this module's in every engine: once is enough.
            if case["kdf"]["name"] == "pbkdf2" || engine.kind() == regrant::crypto::EngineKind::Rust {
                assert_eq!(make_kdf(case, &root(&engine, case).await), case["out"]);
            }
        }
    }
}

async fn make_envelope(engine: &Engine, home: crate::vectors::help::Home, case: &Value) -> Value {
    let metadata: Metadata = serde_json::from_value(case["metadata"].clone()).unwrap();
    let author = &case["author"];
    let (login, fingerprint, signing);
    let author = if author.is_null() {
        None
    } else {
        login = text(&author["login"]);
        fingerprint = Fixed(fixed(&author["fingerprint"]));
        signing = engine.import_signing(&key(&author["seed"])).await.unwrap();
        Some(Author { login, fingerprint: &fingerprint, key: &signing })
    };
    let what = Seal {
        id: text(&case["id"]).parse::<Uuid>().unwrap(),
        key_version: int(&case["keyVersion"]) as u32,
        metadata: &metadata,
        pad: case["pad"].as_bool().unwrap(),
        author,
    };
    let (key, data) = (DataKey(key(&case["dataKey"])), buffer(home, &hex(&case["data"])));
    let log2 = int(&case["chunkLog2"]) as u8;
    let sealed = dangerous_seal_with(engine, &key, &what, &data, &fixed(&case["salt"]), log2).await.unwrap();
    json!({ "envelope": hex::encode(sealed.bytes.into_heap()), "digest": sealed.digest.hex() })
}

async fn envelopes() {
    let file = read(include_str!("envelopes.json"));
    for engine in engines() {
        for (home, case) in homes().into_iter().flat_map(|home| cases(&file).iter().map(move |case| (home, case))) {
            assert_eq!(make_envelope(&engine, home, case).await, case["out"]);
            let (key, bytes) = (DataKey(key(&case["dataKey"])), buffer(home, &hex(&case["out"]["envelope"])));
            let digest = Fixed(fixed(&case["out"]["digest"]));
            let opened = open(&engine, &key, &bytes, Some(&digest)).await.unwrap();
            assert_eq!(opened.data.into_heap(), hex(&case["data"]));
            if let Some(trailer) = opened.trailer {
                let public = rust::ed25519_public(&crate::vectors::help::key(&case["author"]["seed"]));
                let message = author_message(&digest, &trailer.login, &trailer.fingerprint);
                verify(&public, &message, &trailer.signature.0).unwrap();
            }
        }
    }
}

fn make_shares(case: &Value) -> Value {
    let (threshold, shares) = (int(&case["threshold"]) as u8, int(&case["shares"]) as u8);
    let coefficients = hex(&case["coefficients"]);
    let made = shamir::dangerous_split_with(&hex(&case["secret"]), threshold, shares, &coefficients).unwrap();
    made.iter().map(|share| hex::encode(share.expose())).collect()
}

async fn shares() {
    for case in cases(&read(include_str!("shamir.json"))) {
        assert_eq!(make_shares(case), case["out"]);
        let shares: Vec<Vec<u8>> = case["out"].as_array().unwrap().iter().map(hex).collect();
        let last: Vec<&[u8]> = shares.iter().rev().take(int(&case["threshold"]) as usize).map(|s| &s[..]).collect();
        assert_eq!(shamir::combine(&last).unwrap().expose(), hex(&case["secret"]));
        if last.len() > 2 {
            assert!(shamir::combine(&last[1..]).is_err());
        }
    }
}

fn make_hpke(case: &Value) -> Value {
    let public = rust::x25519_public(&key(&case["private"]));
    let info = transcript(case);
    let context = Transcript::new("slot/key");
    let (enc, made) =
        hpke::dangerous_seal_with(&key(&case["ikmE"]), &public, info.as_bytes(), context.as_bytes()).unwrap();
    json!({ "public": hex::encode(public), "enc": hex::encode(enc), "key": hex::encode(made.expose()) })
}

async fn hpke_keys() {
    for case in cases(&read(include_str!("hpke.json"))) {
        assert_eq!(make_hpke(case), case["out"]);
        let opened = hpke::open_key(&key(&case["private"]), &hex(&case["out"]["enc"]), &transcript(case)).unwrap();
        assert_eq!(opened, key(&case["out"]["key"]));
    }
}

#[cfg(not(target_arch = "wasm32"))]
#[path = "regenerate.rs"]
mod regenerate;
