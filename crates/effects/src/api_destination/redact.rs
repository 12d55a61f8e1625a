//! Takes secrets out of what a receiver said: some send back what they got.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ports::connection::{AuthParameters, Authorization};
use ports::vault::Secret;
use zeroize::Zeroizing;

use super::request::Bearer;

/// Most characters of an answer that go into a message.
const EXCERPT_CHARS: usize = 500;
/// Most bytes of an answer that are looked at for it.
const EXCERPT_BYTES: usize = 64 * 1024;
/// A shorter secret cannot be told from ordinary text; it is taken out only as a whole word of its own would be.
const SHORTEST: usize = 4;
/// A shorter one stays in an answer that is worked with: taking it out would spoil more than it hides.
const LASTING: usize = 8;

/// The forms in which a request's secrets could come back.
pub(crate) struct Redactor {
    forms: Vec<Zeroizing<String>>,
    /// Some secret is too short to be found: nothing that was said is shown.
    silent: bool,
}

impl Redactor {
    /// Of a connection, and of the token that was used.
    pub(super) fn new(parameters: &AuthParameters, bearer: Option<&Bearer>) -> Self {
        let mut secrets: Vec<Secret> = parameters.secrets().into_iter().cloned().collect();
        if let Authorization::Basic { username, password } = &parameters.authorization {
            let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
            secrets.push(Secret::new(BASE64.encode(pair.as_bytes())));
        }
        secrets.extend(bearer.map(|bearer| bearer.token().clone()));
        Self::of(&secrets)
    }

    /// The same, without the secrets that are too short to be taken out of an answer that must stay whole.
    pub(super) fn for_whole(parameters: &AuthParameters, bearer: Option<&Bearer>) -> Self {
        let mut made = Self::new(parameters, bearer);
        made.forms.retain(|form| form.len() >= LASTING);
        made
    }

    /// Of these secrets.
    pub(crate) fn of(secrets: &[Secret]) -> Self {
        let filled = secrets.iter().map(Secret::expose);
        let filled: Vec<&str> = filled.filter(|text| !text.is_empty()).collect();
        let mut forms: Vec<Zeroizing<String>> = filled
            .iter()
            .flat_map(|text| forms_of(text))
            .map(Zeroizing::new)
            .collect();
        // The longest first: one secret may begin another.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.dedup();
        Self {
            forms,
            silent: filled.iter().any(|text| text.len() < SHORTEST),
        }
    }

    /// The beginning of an answer, in one line and without secrets.
    pub(crate) fn excerpt(&self, body: &[u8]) -> String {
        if self.silent {
            return "(not shown: the connection has a secret too short to be told from it)"
                .to_owned();
        }
        // The end of this could be half a secret: it is far behind what is shown.
        let body = body.get(..EXCERPT_BYTES).unwrap_or(body);
        self.without_secrets(body)
            .chars()
            .take(EXCERPT_CHARS)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect()
    }

    /// An answer's text without secrets, at most so many bytes of it.
    pub(crate) fn text(&self, body: &[u8], most: usize) -> String {
        // Cut after the secrets are out, so that none is cut in two.
        let mut text = self.without_secrets(body);
        let mut end = text.len().min(most);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text
    }

    /// Takes the secrets out of every text of a value, and leaves it the same otherwise.
    pub(super) fn clean(&self, value: &mut serde_json::Value) {
        use serde_json::Value;
        match value {
            Value::String(text) => *text = self.cleaned(std::mem::take(text)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.clean(item)),
            Value::Object(map) => {
                let members = std::mem::take(map).into_iter();
                *map = members
                    .map(|(key, mut value)| {
                        self.clean(&mut value);
                        (self.cleaned(key), value)
                    })
                    .collect();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn without_secrets(&self, body: &[u8]) -> String {
        self.cleaned(String::from_utf8_lossy(body).into_owned())
    }

    fn cleaned(&self, mut text: String) -> String {
        for form in &self.forms {
            text = text.replace(form.as_str(), "***");
        }
        text
    }
}

fn forms_of(text: &str) -> Vec<String> {
    let quoted = serde_json::Value::from(text).to_string();
    let json = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let form: String = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    vec![
        text.to_owned(),
        json.unwrap_or(text).to_owned(),
        text.replace('/', "\\/"),
        BASE64.encode(text),
        form.replace("%20", "+"),
        super::request::encoded(text),
        form,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_form_is_taken_out() {
        let redactor = Redactor::of(&[Secret::new("p\"a/ss wörd"), Secret::new("p\"a/ss")]);
        for said in [
            "you sent p\"a/ss wörd",
            r#"{"password":"p\"a/ss wörd"}"#,
            "p%22a%2Fss+w%C3%B6rd",
            "p%22a%2Fss%20w%C3%B6rd",
            &BASE64.encode("p\"a/ss wörd"),
        ] {
            let shown = redactor.excerpt(said.as_bytes());
            assert!(shown.contains("***"), "{said}: {shown}");
            assert!(
                !shown.contains("wörd") && !shown.contains("w%C3"),
                "{said}: {shown}"
            );
        }
        assert_eq!(redactor.excerpt(b"no\nsuch \x07thing"), "no such  thing");
        let short = Redactor::of(&[Secret::new("abc")]);
        assert!(short.excerpt(b"xabcx").starts_with("(not shown"));
    }
}
