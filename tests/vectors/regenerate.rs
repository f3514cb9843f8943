//! Writes the recorded vectors anew: `cargo test --test all -- --ignored regenerate`.

use futures::executor::block_on;
use regrant::crypto::boxes::seal_message;

use super::{Engine, Value, json, make_box, make_envelope, make_hpke, make_kdf, make_shares, make_transcript};
use crate::vectors::help::{Home, hex, rsa_pair, sample};

fn bytes(length: usize) -> String {
    hex::encode(sample(length))
}

fn write(name: &str, about: &str, cases: Vec<Value>, make: impl Fn(&Value) -> Value) {
    let cases: Vec<Value> = cases
        .into_iter()
        .map(|mut case| {
            case["out"] = make(&case);
            case
        })
        .collect();
    let text = serde_json::to_string_pretty(&json!({ "about": about, "cases": cases })).unwrap();
    let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::write(path, text + "\n").unwrap();
}

#[test]
#[ignore = "writes tests/vectors/*.json"]
fn regenerate() {
    let id = "00112233-4455-4677-8899-aabbccddeeff";
    let fields = json!([{ "text": "caf\u{e9}" }, { "int": 258 }, { "uuid": id }, { "bytes": "00ff" },
        { "option": null }, { "option": "aabb" }, { "list": ["01", "", "0203"] }]);
    let named = |what: &str, fields: Value| json!({ "what": what, "fields": fields });
    let transcripts =
        vec![named("vault", json!([])), named("test", fields.clone()), named("test", json!([{ "list": [] }]))];
    write("transcripts", "T(what, fields): protocol section 0", transcripts, make_transcript);

    let boxed = |message: &str| {
        let (key, salt) = (bytes(32), "5a".repeat(32));
        json!({ "key": key, "what": "grant", "fields": fields, "salt": salt, "message": message })
    };
    let boxes = vec![boxed(""), boxed("00"), boxed(&bytes(100))];
    write("boxes", "box(K, what, fields, m): protocol section 1", boxes, make_box);

    let about = "sealed messages to the key of published/rsa-oaep-sha-256.json: protocol section 1";
    write("sealed-messages", about, vec![boxed("00"), boxed(&bytes(100))], |case| {
        let engine = Engine::rust();
        let (_, public) = block_on(rsa_pair(&engine));
        let message = hex(&case["message"]);
        json!(hex::encode(block_on(seal_message(&engine, &public, &super::transcript(case), &message)).unwrap()))
    });

    let kdf = |password: &str, kdf: Value| json!({ "password": password, "application": "regrant", "login": "alice", "relayId": "embedded:default", "kdf": kdf });
    let kdfs = vec![
        kdf("correct horse battery staple", json!({ "name": "argon2id", "memoryKiB": 65536, "iterations": 3 })),
        kdf("\u{fb01}anc\u{e9}e \u{2460}", json!({ "name": "argon2id", "memoryKiB": 19456, "iterations": 2 })),
        kdf("correct horse battery staple", json!({ "name": "pbkdf2", "iterations": 600_000 })),
    ];
    let about = "a password, its root and what derives from it: protocol section 4";
    write("kdf", about, kdfs, |case| make_kdf(case, &block_on(super::root(&Engine::rust(), case))));

    let envelope = |data: usize, log2: u8, pad: bool, sign: bool| {
        let author = json!({ "login": "alice", "fingerprint": bytes(32), "seed": "07".repeat(32) });
        let metadata = json!({ "type": "file", "name": "n.bin", "mediaType": "application/octet-stream", "meta": { "k": [1, "v"] } });
        json!({ "dataKey": bytes(32), "id": id, "keyVersion": 7, "chunkLog2": log2, "salt": "a5".repeat(32),
            "metadata": metadata, "data": bytes(data), "pad": pad, "author": if sign { author } else { Value::Null } })
    };
    let envelopes = vec![
        envelope(0, 18, false, false),
        envelope(11, 18, false, true),
        envelope(1000, 18, true, false),
        envelope(8192, 12, false, false),
        envelope(9000, 12, true, true),
    ];
    let about = "envelopes, also of 4 KiB chunks: protocol section 6";
    write("envelopes", about, envelopes, |case| block_on(make_envelope(&Engine::rust(), Home::Heap, case)));

    let split = |secret: usize, threshold: usize, shares: usize| {
        let coefficients = bytes((secret + 16) * (threshold - 1));
        json!({ "secret": "c3".repeat(secret), "threshold": threshold, "shares": shares, "coefficients": coefficients })
    };
    let about = "k-of-n shares, coefficients lowest power first for each byte: protocol section 1";
    write("shamir", about, vec![split(1, 2, 2), split(32, 3, 5), split(32, 2, 255)], make_shares);

    let slot = json!([{ "bytes": bytes(32) }, { "text": "password" }, { "uuid": id }]);
    let hpke = json!({ "ikmE": "11".repeat(32), "private": "22".repeat(32), "what": "slot", "fields": slot });
    write("hpke", "a slot's key by HPKE: protocol section 3", vec![hpke], make_hpke);
}
