//! What only a page can do to bytes and keys.

use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use regrant::crypto::Engine;
use regrant::crypto::envelope::{Buffer, Metadata, Seal, open, seal};
use regrant::crypto::keys::{DataKey, DecryptionKey, RestKey, SigningKey};
use regrant::crypto::webcrypto::{WebBuffer, WebKey, subtle};
use regrant::error::{Code, Result};
use regrant::secret::{Key32, make_id};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::vectors::help::{engines, rsa_pair, sample};

stories!(
    private_keys_cannot_be_exported,
    a_stored_key_that_could_be_exported_is_refused,
    data_that_changes_while_it_is_sealed_is_sealed_as_it_was_read,
    data_that_is_transferred_away_while_it_is_sealed_is_an_error,
    resizable_buffers_are_sealed_too,
    bulk_data_stays_in_javascript,
);

async fn private_keys_cannot_be_exported() {
    let engine = Engine::webcrypto().unwrap();
    let secret = Key32::make().unwrap();
    let (DecryptionKey::Web(rsa), _) = rsa_pair(&engine).await else { panic!("not the browser's") };
    let SigningKey::Web(signing) = engine.import_signing(&secret).await.unwrap() else { panic!("not the browser's") };
    let RestKey::Web(rest) = engine.import_rest(&secret).await.unwrap() else { panic!("not the browser's") };
    for key in [&rsa, &signing, &rest] {
        assert!(WebKey::from_js(key.as_js().clone()).is_ok());
        for format in ["pkcs8", "jwk", "raw"] {
            let exported = subtle().unwrap().export_key(format, key.as_js().unchecked_ref()).unwrap();
            assert!(JsFuture::from(exported).await.is_err());
        }
    }
}

async fn a_stored_key_that_could_be_exported_is_refused() {
    let algorithm = Object::new();
    Reflect::set(&algorithm, &"name".into(), &"AES-GCM".into()).unwrap();
    Reflect::set(&algorithm, &"length".into(), &256.into()).unwrap();
    let usages = Array::of1(&"encrypt".into());
    let made = subtle().unwrap().generate_key_with_object(&algorithm, true, &usages).unwrap();
    let extractable = JsFuture::from(made).await.unwrap();
    for bad in [extractable, JsValue::NULL, JsValue::UNDEFINED, "key".into(), Object::new().into()] {
        assert_eq!(WebKey::from_js(bad).map(|_| ()).unwrap_err().code(), Code::BadInput);
    }
    assert!(WebBuffer::from_js(Object::new().into()).is_err());
}

/// Seals `array` while `meddle` is called between two steps.
async fn seal_while(engine: &Engine, key: &DataKey, array: &Uint8Array, meddle: impl FnOnce()) -> Result<Buffer> {
    let metadata = Metadata { kind: "bytes".into(), ..Metadata::default() };
    let what = Seal { id: make_id().unwrap(), key_version: 1, metadata: &metadata, pad: false, author: None };
    let data = Buffer::Web(WebBuffer::from_js(array.clone().into()).unwrap());
    let meddling = async {
        JsFuture::from(Promise::resolve(&JsValue::UNDEFINED)).await.unwrap();
        meddle();
    };
    let (sealed, ()) = futures::future::join(seal(engine, key, &what, &data), meddling).await;
    let sealed = sealed?;
    let opened = open(engine, key, &sealed.bytes, Some(&sealed.digest)).await?;
    Ok(opened.data)
}

async fn data_that_changes_while_it_is_sealed_is_sealed_as_it_was_read() {
    let engine = Engine::webcrypto().unwrap();
    let array = Uint8Array::new_with_length(3 << 20);
    let key = DataKey(Key32::make().unwrap());
    let opened = seal_while(&engine, &key, &array, || drop(array.fill(1, 0, 3 << 20))).await.unwrap().into_heap();
    for chunk in opened.chunks(256 * 1024) {
        assert!(chunk.iter().all(|byte| *byte == chunk[0]));
    }
}

async fn data_that_is_transferred_away_while_it_is_sealed_is_an_error() {
    let transfer = |array: &Uint8Array| {
        let clone: Function = Reflect::get(&js_sys::global(), &"structuredClone".into()).unwrap().unchecked_into();
        let options = Object::new();
        Reflect::set(&options, &"transfer".into(), &Array::of1(&array.buffer())).unwrap();
        clone.call2(&JsValue::UNDEFINED, &array.buffer(), &options).unwrap();
    };
    for engine in engines() {
        // This module seals at once where it has no browser to wait for.
        if engine.kind() == regrant::crypto::EngineKind::Rust {
            continue;
        }
        let array = Uint8Array::new_with_length(3 << 20);
        let key = DataKey(Key32::make().unwrap());
        let error = seal_while(&engine, &key, &array, || transfer(&array)).await.unwrap_err();
        assert_eq!(error.code(), Code::BadInput);
    }
}

async fn resizable_buffers_are_sealed_too() {
    let options = Object::new();
    Reflect::set(&options, &"maxByteLength".into(), &(1 << 20).into()).unwrap();
    let class: Function = Reflect::get(&js_sys::global(), &"ArrayBuffer".into()).unwrap().unchecked_into();
    let buffer = Reflect::construct(&class, &Array::of2(&100_000.into(), &options)).unwrap();
    let array = Uint8Array::new(&buffer);
    array.copy_from(&sample(100_000));
    for engine in engines() {
        let key = DataKey(Key32::make().unwrap());
        let opened = seal_while(&engine, &key, &array, || ()).await.unwrap();
        assert!(opened.into_heap() == sample(100_000));
    }
}

async fn bulk_data_stays_in_javascript() {
    for engine in engines() {
        for length in [10, 100_000] {
            let array = Uint8Array::from(&sample(length)[..]);
            let key = DataKey(Key32::make().unwrap());
            let opened = seal_while(&engine, &key, &array, || ()).await.unwrap();
            assert!(matches!(opened, Buffer::Web(_)));
        }
    }
}
