//! The body of a frame: a value, or typed data that becomes JSON once, where it is written.
//!
//! A turn of a long run touches a hundred records. Making a tree of values of each only for it to be written as text was
//! the larger part of deciding; data that is shared with the state costs nothing until the store writes it.

use std::fmt;
use std::io;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

/// Data that can be written as JSON. Everything that is [`Serialize`] can.
pub trait FrameContent: fmt::Debug + Send + Sync {
    /// Writes it as JSON text.
    ///
    /// # Errors
    /// It has no JSON form, or `to` takes no more.
    fn write(&self, to: &mut dyn io::Write) -> serde_json::Result<()>;
    /// The same as a value.
    ///
    /// # Errors
    /// It has no JSON form.
    fn value(&self) -> serde_json::Result<Value>;
}

impl<T: Serialize + fmt::Debug + Send + Sync> FrameContent for T {
    fn write(&self, to: &mut dyn io::Write) -> serde_json::Result<()> {
        serde_json::to_writer(to, self)
    }

    fn value(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }
}

/// What a frame holds.
#[derive(Debug, Clone)]
pub enum FrameBody {
    /// A value.
    Value(Value),
    /// Data that is written as it is.
    Typed(Arc<dyn FrameContent>),
}

impl FrameBody {
    /// The body that this data is.
    #[must_use]
    pub fn typed(content: Arc<impl FrameContent + 'static>) -> Self {
        Self::Typed(content)
    }

    /// The body as a value; `Null`, which no frame can be read from, for data without a JSON form.
    #[must_use]
    pub fn into_value(self) -> Value {
        match self {
            Self::Value(value) => value,
            Self::Typed(content) => content.value().unwrap_or_default(),
        }
    }

    /// As [`FrameBody::into_value`], of a copy.
    #[must_use]
    pub fn to_value(&self) -> Value {
        self.clone().into_value()
    }

    /// Writes the body as JSON text.
    ///
    /// # Errors
    /// It has no JSON form, or `to` takes no more.
    pub fn write(&self, to: &mut dyn io::Write) -> serde_json::Result<()> {
        match self {
            Self::Value(value) => serde_json::to_writer(to, value),
            Self::Typed(content) => content.write(to),
        }
    }
}

impl From<Value> for FrameBody {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl PartialEq for FrameBody {
    fn eq(&self, other: &Self) -> bool {
        self.to_value() == other.to_value()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Serialize)]
    struct Record {
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        more: Option<Value>,
    }

    #[test]
    fn typed_data_is_the_value_that_it_would_have_been() {
        for more in [None, Some(json!({ "a": [1, null, "x"] }))] {
            let record = Record {
                name: "é\"\n".to_owned(),
                more,
            };
            let value = serde_json::to_value(&record).expect("a value");
            let typed = FrameBody::typed(Arc::new(record));
            assert_eq!(typed, FrameBody::from(value.clone()));
            let mut text = Vec::new();
            typed.write(&mut text).expect("written");
            assert_eq!(text, value.to_string().into_bytes());
        }
    }
}
