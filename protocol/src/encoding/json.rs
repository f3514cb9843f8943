//! JSON from outside, read into a tree once and taken apart from there.
//!
//! One parser, and one `Deserializer` for all records: each record's own code is then only which fields it has. (Parsing
//! straight into each type makes a parser for each.) Stricter than serde_json: an object is an object, never a list
//! of its fields, and no object has a key twice. Says only that it failed; callers say what.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::vec::IntoIter;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};

/// Reads a value, all of the text. Nested at most 127 deep.
pub fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, NotJson> {
    let tree = parse(text)?;
    T::deserialize(Tree(tree))
}

/// The same from bytes that should be UTF-8.
pub fn from_json_bytes<T: DeserializeOwned>(text: &[u8]) -> Result<T, NotJson> {
    from_json(std::str::from_utf8(text).map_err(|_| NotJson)?)
}

fn parse(text: &str) -> Result<Node<'_>, NotJson> {
    serde_json::from_str(text).map_err(|_| NotJson)
}

/// It is not JSON, or not what was expected. Which of the two would help nobody but who probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson;

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the expected JSON")
    }
}
impl std::error::Error for NotJson {}

impl de::Error for NotJson {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
    fn invalid_type(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self
    }
    fn invalid_value(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self
    }
    fn invalid_length(_: usize, _: &dyn de::Expected) -> Self {
        Self
    }
    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }
    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }
    fn missing_field(_: &'static str) -> Self {
        Self
    }
    fn duplicate_field(_: &'static str) -> Self {
        Self
    }
}

/// A JSON value. Text without escapes is not copied.
enum Node<'a> {
    Null,
    Bool(bool),
    Natural(u64),
    Negative(i64),
    Float(f64),
    Text(Cow<'a, str>),
    /// The text of a key, while it is handed on.
    Key(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Object(Vec<(Node<'a>, Node<'a>)>),
}

impl Node<'_> {
    fn into_key(self) -> Self {
        if let Self::Text(text) = self { Node::Key(text) } else { self }
    }
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Node<'de>, E> {
        Ok(Node::Natural(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Node<'de>, E> {
        Ok(Node::Negative(value))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Node<'de>, E> {
        Ok(Node::Float(value))
    }
    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(value.into()))
    }
    fn visit_str<E>(self, value: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(value.to_owned().into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node<'de>, A::Error> {
        let mut out = Vec::new();
        while let Some(value) = seq.next_element()? {
            out.push(value);
        }
        Ok(Node::List(out))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<'de>, A::Error> {
        let mut out = Vec::new();
        while let Some(entry) = map.next_entry()? {
            out.push(entry);
        }
        if unique(&out) { Ok(Node::Object(out)) } else { Err(de::Error::custom("a key stands there twice")) }
    }
}

/// Whether no key stands there twice.
fn unique(entries: &[(Node<'_>, Node<'_>)]) -> bool {
    let mut seen = HashSet::with_capacity(entries.len());
    entries.iter().all(|(key, _)| matches!(key, Node::Text(text) if seen.insert(&**text)))
}

/// Hands a value to what is made of it.
struct Tree<'a>(Node<'a>);

/// A key that is a number: text, as every key.
fn number(key: &str) -> Option<u64> {
    key.parse().ok().filter(|number: &u64| number.to_string() == key)
}

impl<'de> Tree<'de> {
    fn text(self) -> Result<Cow<'de, str>, NotJson> {
        match self.0 {
            Node::Text(text) | Node::Key(text) => Ok(text),
            _ => Err(NotJson),
        }
    }
}

fn visit_text<'de, V: Visitor<'de>>(text: Cow<'de, str>, visitor: V) -> Result<V::Value, NotJson> {
    match text {
        Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
        Cow::Owned(text) => visitor.visit_string(text),
    }
}

fn visit_list<'de, V: Visitor<'de>>(list: Vec<Node<'de>>, visitor: V) -> Result<V::Value, NotJson> {
    let mut elements = Elements(list.into_iter());
    let value = visitor.visit_seq(&mut elements)?;
    // What is too long is not what was expected.
    if elements.0.len() == 0 { Ok(value) } else { Err(NotJson) }
}

fn visit_object<'de, V: Visitor<'de>>(object: Vec<(Node<'de>, Node<'de>)>, visitor: V) -> Result<V::Value, NotJson> {
    visitor.visit_map(Entries { rest: object.into_iter(), value: None })
}

impl<'de> Deserializer<'de> for Tree<'de> {
    type Error = NotJson;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotJson> {
        match self.0 {
            Node::Null => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(value),
            Node::Natural(value) => visitor.visit_u64(value),
            Node::Negative(value) => visitor.visit_i64(value),
            Node::Float(value) => visitor.visit_f64(value),
            Node::Text(text) | Node::Key(text) => visit_text(text, visitor),
            Node::List(list) => visit_list(list, visitor),
            Node::Object(object) => visit_object(object, visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotJson> {
        match self.0 {
            Node::Bool(value) => visitor.visit_bool(value),
            _ => Err(NotJson),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotJson> {
        match self.0 {
            Node::Natural(value) => visitor.visit_u64(value),
            Node::Key(text) => visitor.visit_u64(number(&text).ok_or(NotJson)?),
            _ => Err(NotJson),
        }
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotJson> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotJson> {
        visit_text(self.text()?, visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotJson> {
        visit_text(self.text()?, visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotJson> {
        visitor.visit_str(&self.text()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotJson> {
        match self.0 {
            Node::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, NotJson> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotJson> {
        match self.0 {
            Node::List(list) => visit_list(list, visitor),
            _ => Err(NotJson),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, NotJson> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, NotJson> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotJson> {
        match self.0 {
            Node::Object(object) => visit_object(object, visitor),
            _ => Err(NotJson),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotJson> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotJson> {
        match self.0 {
            Node::Object(mut object) if object.len() == 1 => match object.pop() {
                Some((name, value)) => visitor.visit_enum(Variant { name, value: Some(value) }),
                None => Err(NotJson),
            },
            name @ Node::Text(_) => visitor.visit_enum(Variant { name, value: None }),
            _ => Err(NotJson),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotJson> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u128 f32 f64 char bytes byte_buf unit unit_struct
    }
}

struct Elements<'a>(IntoIter<Node<'a>>);

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = NotJson;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, NotJson> {
        self.0.next().map(|node| seed.deserialize(Tree(node))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Entries<'a> {
    rest: IntoIter<(Node<'a>, Node<'a>)>,
    value: Option<Node<'a>>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = NotJson;

    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, NotJson> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(Tree(key.into_key())).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, NotJson> {
        seed.deserialize(Tree(self.value.take().ok_or(NotJson)?))
    }
}

/// `"name"`, or `{"name": value}`.
struct Variant<'a> {
    name: Node<'a>,
    value: Option<Node<'a>>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = NotJson;
    type Variant = Content<'de>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Content<'de>), NotJson> {
        Ok((seed.deserialize(Tree(self.name))?, Content(self.value)))
    }
}

struct Content<'a>(Option<Node<'a>>);

impl<'de> VariantAccess<'de> for Content<'de> {
    type Error = NotJson;

    fn unit_variant(self) -> Result<(), NotJson> {
        // Also written as {"name": null}.
        if matches!(self.0, None | Some(Node::Null)) { Ok(()) } else { Err(NotJson) }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, NotJson> {
        seed.deserialize(Tree(self.0.ok_or(NotJson)?))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, NotJson> {
        Tree(self.0.ok_or(NotJson)?).deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, NotJson> {
        Tree(self.0.ok_or(NotJson)?).deserialize_map(visitor)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    enum Kind {
        Plain,
        Of(u32),
        Pair(u64, String),
        Named { a: Option<bool> },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Thing {
        name: String,
        #[serde(default)]
        kinds: Vec<Kind>,
        pair: Option<(i64, f64)>,
        #[serde(flatten)]
        rest: BTreeMap<String, u64>,
    }

    #[test]
    fn what_serde_json_reads_is_read_alike() {
        for text in [
            r#"{"name":"a","pair":null}"#,
            r#"{"name":"a\n\u00e9","kinds":["plain",{"of":7},{"pair":[1,"x"]},{"named":{"a":true}},{"plain":null}],"z":1}"#,
            r#"{"name":"a","pair":[-3,0.5],"y":18446744073709551615}"#,
        ] {
            assert_eq!(from_json::<Thing>(text).unwrap(), serde_json::from_str::<Thing>(text).unwrap(), "{text}");
        }
    }

    #[test]
    fn keys_may_be_numbers() {
        assert_eq!(from_json::<BTreeMap<u64, u64>>(r#"{"7":1,"0":2}"#).unwrap(), BTreeMap::from([(7, 1), (0, 2)]));
    }

    #[test]
    fn what_is_not_as_expected_is_refused() {
        for text in [
            "",
            "{}",
            r#"{"name":1}"#,
            r#"{"name":"a"} x"#,
            r#"{"name":"a","name":"a"}"#,
            r#"{"name":"a","z":1,"z":1}"#,
            r#"{"name":"a","z":-1}"#,
            r#"{"name":"a","kinds":["other"]}"#,
            r#"{"name":"a","kinds":[{"of":4294967296}]}"#,
            r#"{"name":"a","kinds":[{"of":1,"plain":null}]}"#,
            r#"{"name":"a","pair":[1,2,3]}"#,
            r#"["a",[],null]"#,
        ] {
            assert!(from_json::<Thing>(text).is_err(), "{text}");
        }
        assert!(from_json::<BTreeMap<u64, u64>>(r#"{"01":1}"#).is_err());
        assert!(from_json::<Vec<u64>>(r#"["1"]"#).is_err());
        assert!(from_json::<BTreeMap<String, (u64, u64)>>(r#"{"a":[1,2],"a":[1,2]}"#).is_err());
        assert!(from_json_bytes::<String>(b"\"\xff\"").is_err());
    }

    #[test]
    fn nesting_ends_at_127() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(from_json::<de::IgnoredAny>(&nested(127)).is_ok());
        assert!(from_json::<de::IgnoredAny>(&nested(128)).is_err());
    }
}
