//! What nobody knows, kept whole: an event of detail-type `Unrecognized Signal`.

use super::format::Kind;
use super::json::{ObjectText, quoted};
use super::packed;
use super::walk::{Draft, Outer};

/// The event's `source`.
const SOURCE: &str = "quell.intake";
/// Its `detail-type`.
const DETAIL_TYPE: &str = "Unrecognized Signal";

/// JSON of an unknown shape, to the letter in `content`.
pub(super) fn json(text: &str, origin: &str, outer: &Outer) -> Draft {
    draft("content", text, origin, outer)
}

/// Text in `text`; JSON that is no object in `content`.
pub(super) fn text(text: &str, origin: &str, outer: &Outer) -> Draft {
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    if is_json {
        return json(text, origin, outer);
    }
    draft("text", &quoted(text), origin, outer)
}

/// Bytes in `base64`.
pub(super) fn bytes(bytes: &[u8], origin: &str, outer: &Outer) -> Draft {
    draft("base64", &quoted(&packed::base64(bytes)), origin, outer)
}

fn draft(member: &str, raw: &str, origin: &str, outer: &Outer) -> Draft {
    let mut detail = ObjectText::default();
    detail.string("origin", origin);
    let layers: Vec<&str> = outer.layers.iter().map(|layer| layer.word()).collect();
    if !layers.is_empty() {
        detail.raw("layers", &serde_json::Value::from(layers).to_string());
    }
    detail.maybe("arn", outer.arn.as_deref());
    detail.maybe("subject", outer.subject.as_deref());
    detail.raw(member, raw);
    let mut draft = Draft::new(Kind::Unrecognized, SOURCE, DETAIL_TYPE, detail.finish());
    draft.resources.extend(outer.arn.clone());
    draft
}
