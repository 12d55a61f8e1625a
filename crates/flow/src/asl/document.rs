//! A JSON document that is handed on, not copied: what a state gets is mostly what the next one gets as well.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A shared document. Cloning is cheap.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Document(Arc<Value>);

impl Document {
    /// The document by itself, a copy if others have it too.
    pub(crate) fn into_value(self) -> Value {
        Arc::unwrap_or_clone(self.0)
    }

    /// A copy to be changed.
    pub(crate) fn to_value(&self) -> Value {
        self.0.as_ref().clone()
    }

    /// Bytes of its text.
    pub(crate) fn length(&self) -> usize {
        let mut counted = Counted(0);
        match serde_json::to_writer(&mut counted, &*self.0) {
            Ok(()) => counted.0,
            Err(_) => usize::MAX,
        }
    }

    /// The document as the body of a frame shares it.
    pub(crate) fn shared(&self) -> Arc<Value> {
        Arc::clone(&self.0)
    }
}

impl From<Value> for Document {
    fn from(value: Value) -> Self {
        Self(Arc::new(value))
    }
}

impl Deref for Document {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

/// What is written to it is only counted.
struct Counted(usize);

impl std::io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
