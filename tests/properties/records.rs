//! Records that travel, made from the fields that `docs/protocol.md` lists: any values, in any order.

use proptest::collection::vec;
use proptest::prelude::*;
use regrant::encoding::to_base64url;
use regrant::error::Code;
use regrant::wire::access::AccessRequest;
use regrant::wire::exchange::{Exchange, Wrap};
use regrant::wire::grant::Grant;
use regrant::wire::keyset::Keyset;
use regrant::wire::manifest::Manifest;
use regrant::wire::notification::Notification;
use regrant::wire::receipt::Receipt;
use regrant::wire::revocation::Revocation;
use regrant::wire::slot::Slot;
use regrant::wire::statement::Statement;
use regrant::wire::{parse, to_json};
use serde_json::{Map, Value, json};

type Fields = Vec<(String, Value)>;

fn bytes(len: impl Into<proptest::collection::SizeRange>) -> BoxedStrategy<Value> {
    vec(any::<u8>(), len).prop_map(|bytes| to_base64url(&bytes).into()).boxed()
}

fn hash() -> BoxedStrategy<Value> {
    bytes(32)
}

fn id() -> BoxedStrategy<Value> {
    any::<[u8; 16]>().prop_map(|bytes| uuid::Uuid::from_bytes(bytes).to_string().into()).boxed()
}

fn int() -> BoxedStrategy<Value> {
    any::<u64>().prop_map(Value::from).boxed()
}

fn version() -> BoxedStrategy<Value> {
    any::<u32>().prop_map(Value::from).boxed()
}

fn text() -> BoxedStrategy<Value> {
    any::<String>().prop_map(Value::from).boxed()
}

fn party() -> BoxedStrategy<Value> {
    (text(), hash()).prop_map(|(login, fingerprint)| json!({ "login": login, "fingerprint": fingerprint })).boxed()
}

fn list(of: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    vec(of, 0..5).prop_map(Value::from).boxed()
}

fn kind() -> BoxedStrategy<Value> {
    prop::sample::select(vec!["password", "keypair", "successor", "sharer"]).prop_map(Value::from).boxed()
}

fn unlocker() -> BoxedStrategy<Value> {
    let with = (id(), bytes(0..50), bytes(0..70));
    let with = with.prop_map(|(id, key, vouch)| json!({ "id": id, "publicKey": key, "vouch": vouch }));
    let without = (id(), bytes(0..50)).prop_map(|(id, key)| json!({ "id": id, "publicKey": key }));
    prop_oneof![with, without].boxed()
}

/// An entry of a grant.
fn granted() -> BoxedStrategy<Value> {
    let plain = (id(), version(), hash()).prop_map(|(item, version, digest)| json!([item, version, digest]));
    let origin = object(vec![("owner?", text()), ("sealer?", text())]);
    let named = (id(), version(), hash(), origin).prop_map(|(item, version, digest, origin)| {
        json!([item, version, digest, Value::Object(origin.into_iter().collect())])
    });
    prop_oneof![plain, named].boxed()
}

fn entry() -> BoxedStrategy<Value> {
    let fields = vec![("id", id()), ("kind", kind()), ("holder?", party()), ("addedBy", party()), ("hash", hash())];
    object(fields).prop_map(|fields| Value::Object(fields.into_iter().collect())).boxed()
}

/// Fields in any order; one with a question mark may be absent.
fn object(fields: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Fields> {
    let all: Vec<BoxedStrategy<Option<(String, Value)>>> = fields
        .into_iter()
        .map(|(name, value)| match name.strip_suffix('?') {
            None => value.prop_map(move |value| Some((name.to_owned(), value))).boxed(),
            Some(name) => prop::option::of(value).prop_map(move |v| v.map(|v| (name.to_owned(), v))).boxed(),
        })
        .collect();
    all.prop_map(|fields| fields.into_iter().flatten().collect::<Fields>()).prop_shuffle().boxed()
}

/// JSON that a later version might add: no fractions, and no deeper than is read.
fn later() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        int(),
        text()
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let object = prop::collection::btree_map(any::<String>(), inner.clone(), 0..4);
        prop_oneof![
            vec(inner, 0..4).prop_map(Value::from),
            object.prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
    .boxed()
}

fn unknown() -> BoxedStrategy<Fields> {
    // A name that no record of this version has.
    prop::collection::btree_map("x-.{0,8}", later(), 0..4).prop_map(|fields| fields.into_iter().collect()).boxed()
}

/// Each record's fields, and what reads and prints it.
type Reads = fn(&str) -> Result<String, Code>;

fn reads<T: serde::de::DeserializeOwned + serde::Serialize + PartialEq>(json: &str) -> Result<String, Code> {
    let record: T = parse(json).map_err(|e| e.code())?;
    let text = to_json(&record).unwrap();
    assert!(parse::<T>(&text).unwrap() == record, "what was printed reads as the same");
    Ok(text)
}

fn all() -> Vec<(BoxedStrategy<Fields>, Reads)> {
    let signed = |mut fields: Vec<(&'static str, BoxedStrategy<Value>)>| {
        fields.push(("signature", bytes(64)));
        object(fields)
    };
    vec![
        (
            object(vec![
                ("login", text()),
                ("version", int()),
                ("suite", int()),
                ("encryptionKey", bytes(0..80)),
                ("signingKey", hash()),
                ("created", int()),
                ("previous?", hash()),
                ("maker", party()),
                ("selfSignature", bytes(64)),
                ("makerSignature?", bytes(64)),
                ("chainSignature?", bytes(64)),
            ]),
            reads::<Keyset> as Reads,
        ),
        (
            object(vec![
                ("id", id()),
                ("fingerprint", hash()),
                ("kind", kind()),
                ("holder?", party()),
                ("unlocker?", unlocker()),
                ("sealed", bytes(0..80)),
            ]),
            reads::<Slot>,
        ),
        (
            signed(vec![
                ("fingerprint", hash()),
                ("counter", int()),
                ("previousHash?", hash()),
                ("slots", list(entry())),
                ("author", party()),
                ("authorSignature", bytes(64)),
            ]),
            reads::<Manifest>,
        ),
        (
            signed(vec![
                ("id", id()),
                ("suite", int()),
                ("delegator", text()),
                ("delegatorFingerprint", hash()),
                ("delegate", text()),
                ("recipients", list(hash())),
                ("commitment", hash()),
                ("created", int()),
            ]),
            reads::<Exchange>,
        ),
        (
            signed(vec![("exchange", id()), ("recipient", hash()), ("wrapper", party()), ("wrapped", bytes(0..80))]),
            reads::<Wrap>,
        ),
        (
            signed(vec![
                ("id", id()),
                ("suite", int()),
                ("exchange", id()),
                ("delegate", text()),
                ("grantorFingerprint", hash()),
                ("entries", list(granted())),
                ("created", int()),
                ("notAfter?", int()),
                ("sealed", bytes(0..80)),
            ]),
            reads::<Grant>,
        ),
        (
            signed(vec![
                ("id", id()),
                ("items", list((id(), version()).prop_map(|(a, b)| json!([a, b])).boxed())),
                ("login", text()),
                ("grants", list(id())),
                ("revoker", party()),
                ("created", int()),
            ]),
            reads::<Revocation>,
        ),
        (
            signed(vec![
                ("id", id()),
                ("type", text()),
                ("sender", text()),
                ("senderFingerprint", hash()),
                ("recipient", text()),
                ("recipientFingerprint", hash()),
                ("created", int()),
                ("sealed", bytes(0..80)),
            ]),
            reads::<Notification>,
        ),
        (
            signed(vec![
                ("login", text()),
                ("subject", text()),
                ("counter", int()),
                ("fingerprint", hash()),
                ("body", text()),
                ("created", int()),
            ]),
            reads::<Statement>,
        ),
        (
            signed(vec![
                ("id", id()),
                ("application", party()),
                ("origin", text()),
                ("login", text()),
                ("scope?", text()),
                ("ephemeralKey", bytes(0..80)),
                ("created", int()),
                ("expires", int()),
            ]),
            reads::<AccessRequest>,
        ),
        (
            signed(vec![
                ("id", id()),
                ("giver", text()),
                ("giverFingerprint", hash()),
                ("requester", text()),
                ("requesterFingerprint", hash()),
                ("exchanges", list(id())),
                ("slots", list(id())),
                ("pending", list(hash())),
                ("created", int()),
            ]),
            reads::<Receipt>,
        ),
    ]
}

/// JSON text with the fields in their order, which may repeat.
fn json_of(fields: &Fields) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", fields.join(","))
}

/// A list's counter that JavaScript has no number for is printed as text: whoever passes records on would change it.
fn as_printed(mut record: Value) -> Value {
    let counter = record.get("counter").and_then(Value::as_u64).filter(|counter| *counter >= 1 << 53);
    if let Some(counter) = counter.filter(|_| record.get("slots").is_some()) {
        record["counter"] = counter.to_string().into();
    }
    record
}

fn value_of(fields: &Fields) -> Value {
    Value::Object(fields.iter().cloned().collect())
}

/// Runs a property for each record.
fn each(test: impl Fn(Fields, Fields, prop::sample::Index, Reads) -> Result<(), TestCaseError>) {
    for (record, reads) in all() {
        let mut runner =
            proptest::test_runner::TestRunner::new(ProptestConfig { cases: 64, ..ProptestConfig::default() });
        let input = (record, unknown(), any::<prop::sample::Index>());
        runner.run(&input, |(fields, extra, at)| test(fields, extra, at, reads)).unwrap();
    }
}

#[test]
fn records_read_as_they_were_printed_and_keep_unknown_fields() {
    each(|mut fields, extra, at, reads| {
        let at = at.index(fields.len() + 1);
        fields.splice(at..at, extra);
        let printed = reads(&json_of(&fields));
        prop_assert!(printed.is_ok());
        prop_assert_eq!(serde_json::from_str::<Value>(&printed.unwrap()).unwrap(), as_printed(value_of(&fields)));
        Ok(())
    });
}

#[test]
fn a_field_that_is_there_twice_is_refused() {
    each(|mut fields, extra, at, reads| {
        fields.extend(extra);
        fields.push(fields[at.index(fields.len())].clone());
        prop_assert_eq!(reads(&json_of(&fields)), Err(Code::BadInput));
        Ok(())
    });
}

#[test]
fn a_key_that_is_there_twice_is_refused_also_inside_an_unknown_field() {
    each(|fields, _, at, reads| {
        let depth = at.index(8);
        let nested = format!("{}{{\"a\":1,\"b\":2,\"a\":1}}{}", "[".repeat(depth), "]".repeat(depth));
        let json = json_of(&fields).replacen('{', &format!("{{\"x-later\":{nested},"), 1);
        prop_assert_eq!(reads(&json), Err(Code::BadInput));
        let once = reads(&json.replace(",\"a\":1}", "}"));
        prop_assert!(once.is_ok());
        Ok(())
    });
}

#[test]
fn a_required_field_that_is_missing_or_of_another_type_is_refused() {
    each(|mut fields, extra, at, reads| {
        let at = at.index(fields.len());
        let (name, value) = fields.remove(at);
        let optional =
            ["previous", "makerSignature", "chainSignature", "previousHash", "holder", "unlocker", "notAfter", "scope"];
        if !optional.contains(&name.as_str()) {
            prop_assert_eq!(reads(&json_of(&fields)), Err(Code::BadInput));
        }
        let other = if value.is_string() { json!(7) } else { json!("text") };
        fields.push((name, other));
        fields.extend(extra);
        prop_assert_eq!(reads(&json_of(&fields)), Err(Code::BadInput));
        Ok(())
    });
}

#[test]
fn bytes_that_are_not_canonical_base64url_are_refused() {
    const BYTES: &[&str] = &["signature", "selfSignature", "sealed", "wrapped", "encryptionKey", "fingerprint", "hash"];
    each(|mut fields, _, at, reads| {
        let found = fields.iter_mut().find(|(name, _)| BYTES.contains(&name.as_str()));
        let Some((_, value)) = found else { return Ok(()) };
        let text = value.as_str().unwrap();
        let harmed = [
            format!("{text}="),
            format!("{text}A=="),
            format!("{text} "),
            format!("\n{text}"),
            format!("{text}+"),
            "AB".into(),
            "A".into(),
        ];
        *value = harmed[at.index(harmed.len())].clone().into();
        prop_assert_eq!(reads(&json_of(&fields)), Err(Code::BadInput));
        Ok(())
    });
}
