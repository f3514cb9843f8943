//! Parts of files: bytes by item and name, beside the records.

use std::collections::HashMap;

use uuid::Uuid;

use super::connection::Value;
use super::sql;
use super::{Database, StorageError, again};

/// A part of a file: its name and its bytes.
pub type PartBytes = (String, Vec<u8>);

impl Database {
    /// Keeps parts of a file, over what is there.
    pub async fn put_parts(&self, tenant: i64, item: Uuid, parts: &[PartBytes]) -> Result<(), StorageError> {
        again(|| self.try_put_parts(tenant, item, parts)).await
    }

    async fn try_put_parts(&self, tenant: i64, item: Uuid, parts: &[PartBytes]) -> Result<(), StorageError> {
        let mut transaction = self.writing().await?;
        for (name, bytes) in parts {
            let values = [Value::Number(tenant), Value::Bytes(item.as_bytes()), Value::Text(name), Value::Bytes(bytes)];
            transaction.execute(sql::PUT_PART, &values).await?;
        }
        transaction.commit().await
    }

    /// Parts of a file by their names; `None` for each that is not there.
    pub async fn get_parts(
        &self,
        tenant: i64,
        item: Uuid,
        names: &[String],
    ) -> Result<Vec<Option<Vec<u8>>>, StorageError> {
        let values = [Value::Number(tenant), Value::Bytes(item.as_bytes()), Value::Texts(names)];
        let mut found = HashMap::new();
        for row in self.fetch(&self.dialect().parts(), &values).await? {
            found.insert(row.text(0)?, row.bytes(1)?);
        }
        Ok(names.iter().map(|name| found.get(name).cloned()).collect())
    }
}
