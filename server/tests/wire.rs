//! What goes over the wire: every status where it belongs, and nothing done twice.

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ed25519_dalek::{Signer, SigningKey};
use regrant_relay::{Registration, Reset, Settings};
use regrant_server::server::Options;
use regrant_server::storage::{Database, TenantKey};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Client, Running, Said, json_of, options, registration, waited};
use crate::places::{Place, run, sqlite};

const KEY: &str = "0123456789abcdef";
const SOON: Duration = Duration::from_secs(20);

fn dev() -> (Place, Running) {
    let place = sqlite();
    let running = Running::start(options(&place)).unwrap();
    (place, running)
}

/// A server with an application `shop`, as an operator would set it up.
fn deployed(settings: &Settings, change: impl FnOnce(&mut Options)) -> (Place, Running) {
    let place = sqlite();
    run("adding an application", async {
        let database = Database::open(&place.address, 2).await.unwrap();
        let tenant = database.add_tenant("shop", settings).await.unwrap();
        let public_key = SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes();
        database.add_tenant_key(&tenant, &TenantKey { kid: "1".into(), public_key }).await.unwrap();
        database.close().await;
    });
    let mut options = Options { dev: false, public_url: Some("https://relay.example/relay".into()), ..options(&place) };
    change(&mut options);
    let running = Running::start(options).unwrap();
    (place, running)
}

fn open() -> Settings {
    Settings::default()
}

fn of(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn begin(n: u128) -> Value {
    json!({ "op": "beginUpload", "item": Uuid::from_u128(n), "chunks": 1 })
}

#[test]
fn each_refusal_has_its_status() {
    let (_place, running) = dev();
    let client = running.client("shop");
    let alice = client.register("alice", 0);
    let refused = |token: Option<&str>, operation: Value| client.call(token, &json!([operation])).refused();
    assert_eq!(refused(None, json!({ "op": "ownKeysets" })), of(401, "ERR_UNAUTHENTICATED"));
    assert_eq!(refused(Some("nonsense"), json!({ "op": "ownKeysets" })), of(401, "ERR_UNAUTHENTICATED"));
    let wrong = json!({ "op": "loginSecret", "login": "alice", "secret": Base64UrlUnpadded::encode_string(&[1; 32]) });
    assert_eq!(refused(None, wrong.clone()), of(403, "ERR_WRONG_SECRET"));
    let nobody = json!({ "op": "loginSecret", "login": "nobody", "secret": wrong["secret"] });
    assert_eq!(refused(None, nobody), of(404, "ERR_IDENTITY_NOT_FOUND"));
    let hash = Base64UrlUnpadded::encode_string(&[7; 32]);
    let challenge = json!({ "op": "challenge", "login": "alice", "fingerprint": hash });
    assert_eq!(refused(None, challenge), of(403, "ERR_UNKNOWN_KEY"));
    let other = json!({ "op": "giveUpUpload", "item": Uuid::from_u128(9) });
    assert_eq!(refused(Some(&alice), other), of(404, "ERR_NOT_FOUND"));
    assert_eq!(refused(None, registration("alice", 1)), of(409, "ERR_IDENTITY_EXISTS"));
    let too_long = json!({ "op": "beginUpload", "item": Uuid::from_u128(1), "chunks": 0 });
    assert_eq!(refused(Some(&alice), too_long), of(400, "ERR_BAD_INPUT"));
    // Where something was answered, it is an answer: each operation by itself.
    let both = client.call(None, &json!([{ "op": "ownKeysets" }, { "op": "identities", "logins": ["alice"] }]));
    assert_eq!(both.status, 200);
    assert_eq!(both.json()[0]["refused"], "ERR_UNAUTHENTICATED");
    assert_eq!(both.json()[1]["reply"], "identities");
    assert_eq!((both.header("content-type"), both.header("cache-control")), ("application/json", "no-store"));
}

#[test]
fn what_is_no_request_is_refused_as_a_whole() {
    let (_place, running) = deployed(&open(), |_| {});
    let client = running.client("shop");
    let json_type = ("content-type", "application/json");
    let post = |client: &Client, headers: &[(&str, &str)], body: &str| {
        let said = client.post("/call", headers, body.as_bytes()).unwrap();
        assert!(said.json().is_object() && said.json()["message"].is_string(), "{said:?}");
        said.refused()
    };
    for body in ["", "{}", "[]", "[{}]", "[{\"op\":\"nothing\"}]", "[", "\u{0}"] {
        assert_eq!(post(&client, &[json_type], body), of(400, "ERR_BAD_INPUT"), "{body}");
    }
    let many = json!(vec![json!({ "op": "ownKeysets" }); 257]).to_string();
    assert_eq!(post(&client, &[json_type], &many), of(400, "ERR_BAD_INPUT"));
    assert_eq!(post(&client, &[("content-type", "text/plain")], "[]"), of(415, "ERR_BAD_INPUT"));
    assert_eq!(post(&client, &[json_type], &" ".repeat((8 << 20) + 1)), of(413, "ERR_TOO_LARGE"));
    let chunked = [json_type, ("transfer-encoding", "chunked")];
    assert_eq!(post(&client, &chunked, &" ".repeat((8 << 20) + 1)), of(413, "ERR_TOO_LARGE"));
    let unknown = running.client("other");
    assert_eq!(post(&unknown, &[json_type], "[{\"op\":\"ownKeysets\"}]"), of(404, "ERR_NOT_FOUND"));
    assert_eq!(post(&client, &[json_type, ("authorization", "Basic x")], "[]"), of(401, "ERR_UNAUTHENTICATED"));
    assert_eq!(client.get("/call", &[]).refused(), of(405, "ERR_BAD_INPUT"));
    assert_eq!(client.get("/nothing", &[]).refused(), of(404, "ERR_NOT_FOUND"));
    assert_eq!(post(&running.client("%ff"), &[json_type], "[]"), of(400, "ERR_BAD_INPUT"));
    let key = ("idempotency-key", "short");
    assert_eq!(post(&client, &[json_type, key], "[{\"op\":\"ownKeysets\"}]"), of(400, "ERR_BAD_INPUT"));
}

#[test]
fn a_request_that_comes_twice_is_done_once() {
    let (_place, running) = dev();
    let client = running.client("a%2Fb%20c");
    let key = [("idempotency-key", KEY)];
    let register = json!([registration("alice", 0)]);
    let session = |said: Said| said.json()[0]["token"].as_str().unwrap_or_else(|| panic!("{said:?}")).to_owned();
    let first = session(client.call_with(None, &register, &key));
    let second = session(client.call_with(None, &register, &key));
    assert_eq!(client.call(Some(&first), &json!([{ "op": "ownKeysets" }])).status, 200);
    assert_eq!(client.call(None, &register).refused(), of(409, "ERR_IDENTITY_EXISTS"));
    let operations = json!([begin(1), begin(2)]);
    let answers = client.call_with(Some(&first), &operations, &key);
    assert_eq!(answers.json(), json!([{ "reply": "upload", "state": "new" }, { "reply": "upload", "state": "new" }]));
    // Also in another session, and several times at once.
    let again = |_| {
        let (client, second, operations) = (client.clone(), second.clone(), operations.clone());
        std::thread::spawn(move || client.call_with(Some(&second), &operations, &[("idempotency-key", KEY)]).bytes)
    };
    for again in (0..4).map(again).collect::<Vec<_>>() {
        assert_eq!(again.join().unwrap(), answers.bytes);
    }
    assert_eq!(client.call_with(Some(&first), &json!([begin(3)]), &key).refused(), of(422, "ERR_BAD_INPUT"));
    assert_eq!(client.call(Some(&first), &json!([begin(3)])).json()[0]["state"], "new", "it was not done");
}

#[test]
fn applications_do_not_see_each_other() {
    let (_place, running) = dev();
    let (shop, other) = (running.client("shop"), running.client("other"));
    let alice = shop.register("alice", 0);
    assert_eq!(other.call(Some(&alice), &json!([{ "op": "ownKeysets" }])).status, 401);
    let ask = json!([{ "op": "identities", "logins": ["alice"] }]);
    assert_eq!(other.call(None, &ask).json()[0]["identities"], json!([null]));
    other.register("alice", 1);
}

#[test]
fn parts_of_files_go_beside() {
    let (_place, running) = dev();
    let client = running.client("shop");
    let (alice, bob) = (client.register("alice", 0), client.register("bob", 1));
    let item = Uuid::from_u128(1);
    client.call(Some(&alice), &json!([begin(1)]));
    let framed = |parts: &[(&str, &[u8])]| {
        let part = |(name, bytes): &(&str, &[u8])| {
            [&(name.len() as u16).to_be_bytes(), name.as_bytes(), &(bytes.len() as u32).to_be_bytes(), bytes].concat()
        };
        parts.iter().flat_map(part).collect::<Vec<u8>>()
    };
    let put = |token: &str, item: &str, kind: &str, body: &[u8]| {
        let bearer = format!("Bearer {token}");
        let headers = [("content-type", kind), ("authorization", &bearer)];
        client.post(&format!("/parts/{item}/put"), &headers, body).unwrap()
    };
    let id = item.to_string();
    let bytes = "application/octet-stream";
    let good = framed(&[("head", &[1; 100]), ("0000000001", &[2; 1000])]);
    assert_eq!(put(&alice, &id, bytes, &good).status, 204);
    assert_eq!(put(&bob, &id, bytes, &good).refused(), of(404, "ERR_NOT_FOUND"));
    assert_eq!(put("nobody", &id, bytes, &good).refused(), of(401, "ERR_UNAUTHENTICATED"));
    assert_eq!(put(&alice, &id, "application/json", &good).refused(), of(415, "ERR_BAD_INPUT"));
    assert_eq!(put(&alice, &id, bytes, &good[1..]).refused(), of(400, "ERR_BAD_INPUT"));
    assert_eq!(put(&alice, &id, bytes, &framed(&[("other", &[])])).refused(), of(400, "ERR_BAD_INPUT"));
    assert_eq!(put(&alice, &id, bytes, &framed(&[("0000000002", &[0; 99])])).refused(), of(400, "ERR_BAD_INPUT"));
    assert_eq!(put(&alice, "1", bytes, &good).refused(), of(400, "ERR_BAD_INPUT"));
    let one: (&str, &[u8]) = ("head", &[]);
    assert_eq!(put(&alice, &id, bytes, &framed(&[one; 65])).refused(), of(413, "ERR_TOO_LARGE"));
    let long = vec![0; (20 << 20) + 4097];
    assert_eq!(put(&alice, &id, bytes, &long).refused(), of(413, "ERR_TOO_LARGE"));
    let bearer = format!("Bearer {alice}");
    let get = |body: Value| {
        let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
        client.post(&format!("/parts/{id}/get"), &headers, body.to_string().as_bytes()).unwrap().refused()
    };
    assert_eq!(get(json!({ "basis": Uuid::from_u128(2), "names": ["head"] })), of(403, "ERR_FORBIDDEN"));
    assert_eq!(get(json!({ "names": ["head"] })), of(400, "ERR_BAD_INPUT"));
}

/// What changes something for a login: a notification of its keys being renewed, for example. Here, an edge.
fn change_for(client: &Client, by: &str, n: usize, whom: &str) {
    let relay = crate::over_http::relay(client);
    let secret = crate::support::pair(n);
    let session = crate::support::connect(&crate::support::device(&relay), by, &secret).unwrap();
    crate::support::seal(&session, "for you", &[whom]);
}

#[test]
fn a_session_is_told_of_changes_until_the_server_stops() {
    let (_place, mut running) = dev();
    let client = running.client("test");
    assert_eq!(client.get("/changes", &[]).refused(), of(401, "ERR_UNAUTHENTICATED"));
    let wrong = client.get("/changes", &[("authorization", "Bearer nonsense")]);
    assert_eq!(wrong.refused(), of(401, "ERR_UNAUTHENTICATED"));
    let bob = client.register("bob", 1);
    let mut events = client.events(&bob);
    let (kind, data) = events.next().unwrap();
    assert_eq!((kind.as_str(), data["login"].as_str()), ("open", Some("bob")));
    change_for(&client, "alice", 0, "bob");
    let (next, mut events) = waited("a change", SOON, move || (events.next(), events));
    let (kind, later) = next.unwrap();
    assert_eq!((kind.as_str(), later["login"].as_str()), ("change", Some("bob")));
    assert!(later["head"].as_u64() > data["head"].as_u64());
    // What comes still, and the end.
    let end = std::thread::spawn(move || events.by_ref().count());
    waited("the server's end", SOON, move || {
        running.stop();
        end.join().unwrap()
    });
}

#[test]
fn an_answer_may_wait_for_a_change() {
    let (_place, running) = dev();
    let client = running.client("test");
    let bearer = format!("Bearer {}", client.register("bob", 1));
    let ask = {
        let client = client.clone();
        move |after: u64, wait: u64| {
            let headers = [("accept", "application/json"), ("authorization", bearer.as_str())];
            let said = client.get(&format!("/changes?after={after}&wait={wait}"), &headers);
            assert_eq!(said.status, 200, "{said:?}");
            said.json()
        }
    };
    let now = ask(0, 0);
    let head = now["head"].as_u64().unwrap();
    assert_eq!(now["login"], "bob");
    // Nothing happens for bob, whatever happens for others.
    client.register("carol", 2);
    assert_eq!(ask(head, 1)["head"], head);
    let waits = std::thread::spawn({
        let ask = ask.clone();
        move || ask(head, 55)["head"].as_u64().unwrap()
    });
    change_for(&client, "alice", 0, "bob");
    let later = waited("a change", SOON, move || waits.join().unwrap());
    assert!(later > head);
    // What was there before it was asked is answered at once.
    assert!(waited("what is there", SOON, move || ask(head, 55))["head"].as_u64() > Some(head));
}

fn user_token(change: impl FnOnce(&mut Value)) -> String {
    let now = regrant_server::relay::now() / 1000;
    let mut claims = json!({ "kind": "user", "app": "shop", "aud": "https://relay.example/relay", "uid": "alice",
        "iat": now, "jti": "1", "exp": now + 60 });
    change(&mut claims);
    let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    let text = format!("{}.{}", part(&json!({ "alg": "EdDSA", "typ": "JWT" })), part(&claims));
    let signature = SigningKey::from_bytes(&[1; 32]).sign(text.as_bytes());
    format!("{text}.{}", Base64UrlUnpadded::encode_string(&signature.to_bytes()))
}

#[test]
fn who_registers_and_begins_anew_is_said_by_the_applications_server() {
    let settings = Settings { registration: Registration::Token, reset: Reset::Token, first_administers: false };
    let (_place, running) = deployed(&settings, |_| {});
    let client = running.client("shop");
    let first = crate::support::registration("alice", 0, None);
    let with =
        |operation: &Value, token: &str| client.call_with(None, &json!([operation]), &[("regrant-user-token", token)]);
    let register = json_of(&first);
    assert_eq!(client.call(None, &json!([register])).refused(), of(401, "ERR_UNAUTHENTICATED"));
    assert_eq!(with(&register, "nonsense").refused(), of(401, "ERR_UNAUTHENTICATED"));
    let other = user_token(|claims| claims["uid"] = "bob".into());
    assert_eq!(with(&register, &other).refused(), of(403, "ERR_FORBIDDEN"));
    let elsewhere = user_token(|claims| claims["aud"] = "https://other.example".into());
    assert_eq!(with(&register, &elsewhere).refused(), of(401, "ERR_UNAUTHENTICATED"));
    let old = user_token(|claims| {
        let then = claims["iat"].as_u64().unwrap() - 600;
        claims["iat"] = then.into();
        claims["exp"] = (then + 60).into();
    });
    let said = with(&register, &old);
    assert_eq!(said.refused(), of(401, "ERR_TOKEN_EXPIRED"));
    assert!(said.json().is_object());
    assert_eq!(with(&register, &user_token(|_| {})).status, 200);
    let regrant::relay::Operation::Register { new, .. } = &first else { panic!() };
    let anew = json_of(&crate::support::registration("alice", 1, Some(&new.keyset)));
    assert_eq!(client.call(None, &json!([anew])).refused(), of(401, "ERR_UNAUTHENTICATED"));
    assert_eq!(with(&anew, &user_token(|_| {})).status, 200);
}

#[test]
fn nobody_registers_where_it_is_closed() {
    let settings = Settings { registration: Registration::Closed, ..Settings::default() };
    let (_place, running) = deployed(&settings, |_| {});
    let said = running.client("shop").call(None, &json!([registration("alice", 0)]));
    assert_eq!(said.refused(), of(403, "ERR_FORBIDDEN"));
}

#[test]
fn an_address_that_asks_too_often_is_told_when_to_come_back() {
    let (_place, running) = deployed(&open(), |options| options.rate = 1);
    let client = running.client("shop");
    let ask = json!([{ "op": "identities", "logins": ["alice"] }]);
    let last = (0..50).map(|_| client.call(None, &ask)).find(|said| said.status != 200).expect("as often as one likes");
    assert_eq!(last.refused(), of(429, "ERR_RATE_LIMITED"));
    assert!(last.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(Client::new(&running.url).get("/healthz", &[]).status, 200);
}

#[test]
fn pages_of_named_origins_may_use_it() {
    let (_place, running) = deployed(&open(), |options| options.origins = vec!["https://app.example".into()]);
    let client = running.client("shop");
    let from = |origin: &str| client.get("/changes", &[("origin", origin)]);
    assert_eq!(from("https://app.example").header("access-control-allow-origin"), "https://app.example");
    assert_eq!(from("https://evil.example").header("access-control-allow-origin"), "");
    let (_place, running) = dev();
    let anybody = running.client("shop").get("/changes", &[("origin", "http://localhost:5173")]);
    assert_eq!(anybody.header("access-control-allow-origin"), "*");
}

#[test]
fn it_is_watched_and_found_under_its_path_or_without() {
    let (_place, running) = deployed(&open(), |_| {});
    for prefix in ["", "/relay"] {
        let client = Client::new(&format!("{}{prefix}", running.url));
        assert_eq!(client.get("/healthz", &[]).bytes, b"ok\n");
        assert_eq!(client.get("/readyz", &[]).bytes, b"ready\n");
        let ask = client.post("/v1/shop/call", &[("content-type", "application/json")], b"[{\"op\":\"ownKeysets\"}]");
        assert_eq!(ask.unwrap().refused(), of(401, "ERR_UNAUTHENTICATED"));
    }
    let metrics = Client::new(&running.url).get("/metrics", &[]);
    assert!(
        String::from_utf8_lossy(&metrics.bytes).contains("regrant_requests_total{route=\"/v1/{application}/call\"")
    );
    assert_eq!(metrics.header("x-request-id").len(), 16);
}

#[test]
fn what_is_for_trying_out_listens_on_this_machine_only() {
    let place = sqlite();
    let everywhere = Options { listen: ([0, 0, 0, 0], 0).into(), ..options(&place) };
    let why = Running::start(everywhere).err().expect("it listens everywhere").to_string();
    assert!(why.contains("--dev"), "{why}");
}
