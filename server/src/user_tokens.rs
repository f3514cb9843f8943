//! User tokens: what an application's server signs for its users, so that they may register and begin anew.
//!
//! A JSON Web Token of exactly one kind: EdDSA, with claims whose types are looked at. What is not exactly so is refused.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ed25519_dalek::{Signature, VerifyingKey};
use regrant_protocol::encoding::check_login;
use regrant_relay::User;
use serde::Deserialize;

use crate::storage::Tenant;

/// How far the clocks of an application's server and of a relay may be apart, in seconds.
const SKEW: u64 = 60;
/// The longest that a token lives, in seconds: twelve hours.
const MAX_LIFE: u64 = 12 * 3600;
/// The longest token.
const MAX_LENGTH: usize = 4096;

/// Why a token is refused. Which claim is wrong is for the application's developer: nothing in it is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It was good, and its time is over.
    Expired,
    /// It is not good, for this reason.
    Bad(&'static str),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    #[serde(default)]
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    kind: String,
    app: String,
    aud: String,
    uid: String,
    #[serde(default)]
    gid: Option<String>,
    iat: u64,
    jti: String,
    exp: u64,
}

/// What a token says of its user, for a tenant of a relay that is called `audience`. `now`: Unix seconds.
pub fn verify(token: &str, tenant: &Tenant, audience: &str, now: u64) -> Result<User, Refused> {
    if token.len() > MAX_LENGTH {
        return Err(Refused::Bad("it is too long"));
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Refused::Bad("it is not a JSON Web Token"))?;
    let (header, payload) = signed.split_once('.').ok_or(Refused::Bad("it is not a JSON Web Token"))?;
    let header: Header = json(header, "its header is not as it should be")?;
    if header.alg != "EdDSA" || header.typ != "JWT" {
        return Err(Refused::Bad("its alg is not EdDSA, or its typ is not JWT"));
    }
    check_signature(tenant, header.kid.as_deref(), signed, signature)?;
    check(json(payload, "its claims are missing, or of another type than they should be")?, tenant, audience, now)
}

fn json<T: for<'de> Deserialize<'de>>(part: &str, otherwise: &'static str) -> Result<T, Refused> {
    let bytes = Base64UrlUnpadded::decode_vec(part).map_err(|_| Refused::Bad(otherwise))?;
    serde_json::from_slice(&bytes).map_err(|_| Refused::Bad(otherwise))
}

fn check_signature(tenant: &Tenant, kid: Option<&str>, signed: &str, signature: &str) -> Result<(), Refused> {
    let wrong = Refused::Bad("no key of the application signed it");
    let bytes = Base64UrlUnpadded::decode_vec(signature).map_err(|_| wrong)?;
    let signature = Signature::from_slice(&bytes).map_err(|_| wrong)?;
    let named = tenant.keys.iter().filter(|key| kid.is_none_or(|kid| kid == key.kid));
    let verifies = |key: VerifyingKey| key.verify_strict(signed.as_bytes(), &signature).is_ok();
    let good = named.filter_map(|key| VerifyingKey::from_bytes(&key.public_key).ok()).any(verifies);
    if good { Ok(()) } else { Err(wrong) }
}

fn check(claims: Claims, tenant: &Tenant, audience: &str, now: u64) -> Result<User, Refused> {
    let same_address = |a: &str, b: &str| a.trim_end_matches('/') == b.trim_end_matches('/');
    let wrong = match () {
        () if claims.kind != "user" => Some("its kind is not user"),
        () if claims.app != tenant.name => Some("its app is another application"),
        () if !same_address(&claims.aud, audience) => Some("its aud is not this relay's address"),
        () if check_login(&claims.uid).is_err() => Some("its uid is no login"),
        () if claims.jti.is_empty() => Some("its jti is empty"),
        () if claims.iat > now.saturating_add(SKEW) => Some("it is of the future: compare the clocks"),
        () if claims.exp <= claims.iat || claims.exp - claims.iat > MAX_LIFE => Some("it lives longer than 12 hours"),
        () => None,
    };
    match wrong {
        Some(why) => Err(Refused::Bad(why)),
        None if claims.exp.saturating_add(SKEW) <= now => Err(Refused::Expired),
        None => Ok(User { uid: claims.uid, gid: claims.gid, iat: claims.iat }),
    }
}

/// The bytes of an Ed25519 public key before the key itself, as SubjectPublicKeyInfo has them.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// An Ed25519 public key from PEM, as `openssl pkey -pubout` writes it.
pub fn public_key_from_pem(pem: &str) -> Option<[u8; 32]> {
    let (_, body) = pem.split_once("-----BEGIN PUBLIC KEY-----")?;
    let (body, _) = body.split_once("-----END PUBLIC KEY-----")?;
    let text: String = body.split_whitespace().collect();
    let der = base64ct::Base64::decode_vec(&text).ok()?;
    let key: [u8; 32] = der.strip_prefix(&SPKI)?.try_into().ok()?;
    VerifyingKey::from_bytes(&key).ok().map(|_| key)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::storage::TenantKey;
    use ed25519_dalek::{Signer, SigningKey};
    use regrant_relay::Settings;
    use serde_json::{Value, json};

    const NOW: u64 = 1_800_000_000;

    fn tenant() -> Tenant {
        let key = |kid: &str, n| TenantKey {
            kid: kid.into(),
            public_key: SigningKey::from_bytes(&[n; 32]).verifying_key().to_bytes(),
        };
        Tenant { id: 1, name: "shop".into(), settings: Settings::default(), keys: vec![key("a", 1), key("b", 2)] }
    }

    fn claims() -> Value {
        json!({ "kind": "user", "app": "shop", "aud": "https://relay.example", "uid": "alice", "gid": "desk",
            "iat": NOW - 10, "jti": "1", "exp": NOW + 3600 })
    }

    fn signed(n: u8, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        let text = format!("{}.{}", part(header), part(claims));
        let signature = SigningKey::from_bytes(&[n; 32]).sign(text.as_bytes());
        format!("{text}.{}", Base64UrlUnpadded::encode_string(&signature.to_bytes()))
    }

    fn with(change: &[(&str, Value)]) -> Result<User, Refused> {
        let mut claims = claims();
        for (name, value) in change {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(*name)),
                value => claims[*name] = value.clone(),
            }
        }
        verify(&signed(1, &json!({ "alg": "EdDSA", "typ": "JWT" }), &claims), &tenant(), "https://relay.example/", NOW)
    }

    #[test]
    fn a_good_token_says_whose_it_is() {
        let user = with(&[]).unwrap();
        assert_eq!((user.uid.as_str(), user.gid.as_deref(), user.iat), ("alice", Some("desk"), NOW - 10));
        assert_eq!(with(&[("gid", Value::Null)]).unwrap().gid, None);
        for (n, kid) in [(1, "a"), (2, "b")] {
            let token = signed(n, &json!({ "alg": "EdDSA", "typ": "JWT", "kid": kid }), &claims());
            assert!(verify(&token, &tenant(), "https://relay.example", NOW).is_ok());
        }
    }

    #[test]
    fn each_claim_counts() {
        for (name, value) in [
            ("kind", json!("temporary")),
            ("app", json!("other")),
            ("aud", json!("https://other.example")),
            ("aud", json!(["https://relay.example"])),
            ("uid", json!("")),
            ("uid", json!(7)),
            ("gid", json!(7)),
            ("jti", json!("")),
            ("iat", json!(NOW + 61)),
            ("iat", json!("1")),
            ("exp", json!(NOW - 10 + 12 * 3600 + 1)),
            ("exp", json!(NOW as f64 + 0.5)),
            ("exp", json!(NOW - 10)),
        ] {
            assert!(matches!(with(&[(name, value.clone())]), Err(Refused::Bad(_))), "{name}: {value}");
        }
        for name in ["kind", "app", "aud", "uid", "iat", "jti", "exp"] {
            assert!(matches!(with(&[(name, Value::Null)]), Err(Refused::Bad(_))), "without {name}");
        }
    }

    #[test]
    fn clocks_may_be_a_minute_apart() {
        let at = |iat, exp| with(&[("iat", json!(iat)), ("exp", json!(exp))]);
        assert!(at(NOW + 60, NOW + 61).is_ok());
        assert!(at(NOW - 100, NOW - 59).is_ok());
        assert_eq!(at(NOW - 100, NOW - 60), Err(Refused::Expired));
    }

    #[test]
    fn only_eddsa_by_a_key_of_the_application() {
        let tenant = tenant();
        let check = |token: &str| verify(token, &tenant, "https://relay.example", NOW);
        let good = json!({ "alg": "EdDSA", "typ": "JWT" });
        for header in [
            json!({ "alg": "none", "typ": "JWT" }),
            json!({ "alg": "HS256", "typ": "JWT" }),
            json!({ "alg": "eddsa", "typ": "JWT" }),
            json!({ "alg": "EdDSA" }),
            json!({ "alg": "EdDSA", "typ": "JWT", "crit": ["exp"] }),
            json!({ "alg": "EdDSA", "typ": "JWT", "kid": "c" }),
            json!({ "alg": "EdDSA", "typ": "JWT", "kid": "b" }),
        ] {
            assert!(matches!(check(&signed(1, &header, &claims())), Err(Refused::Bad(_))), "{header}");
        }
        assert!(matches!(check(&signed(3, &good, &claims())), Err(Refused::Bad(_))));
        let token = signed(1, &good, &claims());
        let (start, _) = token.rsplit_once('.').unwrap();
        for broken in [start.to_owned(), format!("{start}."), format!("{start}.AAAA"), format!("{token}."), "..".into()]
        {
            assert!(matches!(check(&broken), Err(Refused::Bad(_))), "{broken}");
        }
    }

    #[test]
    fn a_public_key_is_read_from_pem() {
        let key = SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes();
        let der = [&SPKI[..], &key].concat();
        let text = base64ct::Base64::encode_string(&der);
        let pem = |text: &str| format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
        assert_eq!(public_key_from_pem(&pem(&text)), Some(key));
        assert_eq!(public_key_from_pem(&pem(&text[4..])), None);
        assert_eq!(public_key_from_pem(&text), None);
    }
}
