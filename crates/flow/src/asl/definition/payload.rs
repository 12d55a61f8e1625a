//! Reading templates.

use serde_json::Value;

use super::fields::Fields;
use super::{Language, Number, Text};
use crate::asl::intrinsic::Call;
use crate::asl::jsonata::Expression;
use crate::asl::path::Path;
use crate::asl::template::Template;

impl Fields<'_, '_> {
    /// A template in this state's language.
    pub(super) fn template(&mut self, field: &str, language: Language) -> Option<Template> {
        let value = self.get(field)?;
        Some(self.filled(value, field, language))
    }

    /// The template that a value below this state is; `location` is its place below the state.
    pub(super) fn filled(&mut self, value: &Value, location: &str, language: Language) -> Template {
        match language {
            Language::JsonPath => self.payload(value, location),
            Language::Jsonata => self.expressions(value, location),
        }
    }

    fn payload(&mut self, value: &Value, field: &str) -> Template {
        match value {
            Value::Array(items) => {
                Template::List(items.iter().map(|item| self.payload(item, field)).collect())
            }
            Value::Object(map) => Template::Object(
                map.iter()
                    .map(|(key, member)| match key.strip_suffix(".$") {
                        Some(name) => {
                            if map.contains_key(name) {
                                self.refuse(
                                    field,
                                    format!(
                                        "The field '{name}' is given twice, as '{name}' and '{key}'"
                                    ),
                                );
                            }
                            (name.to_owned(), self.hole(key, member, field))
                        }
                        None => (key.clone(), self.payload(member, field)),
                    })
                    .collect(),
            ),
            scalar => Template::Literal(scalar.clone()),
        }
    }

    fn hole(&mut self, key: &str, value: &Value, field: &str) -> Template {
        match value.as_str().and_then(|text| hole(key, text)) {
            Some(template) => template,
            None => {
                self.refuse(
                    field,
                    format!("The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call"),
                );
                Template::Literal(Value::Null)
            }
        }
    }

    fn expressions(&mut self, value: &Value, location: &str) -> Template {
        match value {
            Value::String(text) => match Expression::inside(text) {
                Some(source) => match self.expression(source, location) {
                    Some(expression) => Template::Expression {
                        location: location.to_owned(),
                        expression,
                    },
                    None => Template::Literal(Value::Null),
                },
                None => Template::Literal(value.clone()),
            },
            Value::Array(items) => Template::List(
                items
                    .iter()
                    .enumerate()
                    .map(|(at, item)| self.expressions(item, &format!("{location}[{at}]")))
                    .collect(),
            ),
            Value::Object(map) => Template::Object(
                map.iter()
                    .map(|(key, member)| {
                        (
                            key.clone(),
                            self.expressions(member, &format!("{location}/{key}")),
                        )
                    })
                    .collect(),
            ),
            scalar => Template::Literal(scalar.clone()),
        }
    }

    fn expression(&mut self, source: &str, field: &str) -> Option<Expression> {
        match Expression::parse(source) {
            Ok(expression) => Some(expression),
            Err(reason) => {
                self.refuse(
                    field,
                    format!("The JSONata expression cannot be read: {reason}"),
                );
                None
            }
        }
    }

    /// A number: as written, or an expression.
    pub(super) fn number(&mut self, field: &str, language: Language) -> Option<Number> {
        let value = self.get(field)?;
        if let (Language::Jsonata, Some(source)) =
            (language, value.as_str().and_then(Expression::inside))
        {
            return self.expression(source, field).map(Number::Expression);
        }
        match value.as_f64() {
            Some(number) if number >= 0.0 => Some(Number::Fixed(number)),
            _ => {
                self.refuse(
                    field,
                    format!("The field '{field}' must be a number, at least 0"),
                );
                None
            }
        }
    }

    /// A number, or the path of one in `FieldPath`.
    pub(super) fn number_or_path(&mut self, field: &str, language: Language) -> Option<Number> {
        let twin = format!("{field}Path");
        if language == Language::JsonPath {
            self.at_most_one(&[field, &twin]);
            if self.has(&twin) {
                return self.path(&twin).map(Number::Path);
            }
        }
        self.number(field, language)
    }

    /// The same for a whole number; one that is written must be within bounds.
    pub(super) fn whole_or_path(
        &mut self,
        field: &str,
        language: Language,
        (least, most): (u64, u64),
    ) -> Option<Number> {
        let number = self.number_or_path(field, language);
        let fits = |fixed: f64| {
            #[expect(clippy::cast_precision_loss, reason = "bounds are below 2^53")]
            let bounds = least as f64..=most as f64;
            fixed.fract() == 0.0 && bounds.contains(&fixed)
        };
        if matches!(number, Some(Number::Fixed(fixed)) if !fits(fixed)) {
            let message =
                format!("The field '{field}' must be a whole number from {least} to {most}");
            self.refuse(field, message);
        }
        number
    }

    /// A text: as written, an expression, or (JSONPath) a path or call in `FieldPath`.
    pub(super) fn text_or_path(&mut self, field: &str, language: Language) -> Option<Text> {
        let twin = format!("{field}Path");
        if language == Language::Jsonata {
            let template = self.template(field, language)?;
            return Some(match template {
                Template::Literal(Value::String(text)) => Text::Fixed(text),
                other => Text::Template(other),
            });
        }
        self.at_most_one(&[field, &twin]);
        let Some(text) = self.text(&twin) else {
            return self.text(field).map(Text::Fixed);
        };
        let found = hole(&twin, &text).map(Text::Template);
        if found.is_none() {
            self.refuse(
                &twin,
                format!("The value for the field '{twin}' must be a valid JSONPath or a valid intrinsic function call"),
            );
        }
        found
    }
}

/// The path or call in a text; `field` is named when it fails later.
pub(super) fn hole(field: &str, text: &str) -> Option<Template> {
    let field = field.to_owned();
    if Call::looks_like(text) {
        let call = Call::parse(text).ok()?;
        return Some(Template::Call { field, call });
    }
    let path = Path::parse(text).ok()?;
    Some(Template::Path { field, path })
}
