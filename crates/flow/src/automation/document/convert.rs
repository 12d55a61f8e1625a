//! A document's text in the other notation, as GetDocument gives it.

use super::read::load;
use super::{Diagnostic, Format};

/// Writes a document's text in another notation. The same notation gives the text back as it is.
///
/// # Errors
/// The syntax error of a text that cannot be read.
pub fn convert(content: &str, from: Format, to: Format) -> Result<String, Diagnostic> {
    if from == to {
        return Ok(content.to_owned());
    }
    let source = load(content, from)?;
    let unprintable = |message: String| Diagnostic {
        kind: super::DiagnosticKind::Content,
        line: 0,
        column: 0,
        step: None,
        message: format!(
            "the document cannot be written as {}: {message}",
            to.as_str()
        ),
    };
    match to {
        Format::Json => serde_json::to_string_pretty(&source.value)
            .map_err(|error| unprintable(error.to_string())),
        Format::Yaml => crate::yaml::print(&source.value).map_err(unprintable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        let yaml = "schemaVersion: '0.3'\nmainSteps:\n- name: a\n  action: aws:sleep\n  inputs: {Duration: PT1S}\n";
        let json = convert(yaml, Format::Yaml, Format::Json).expect("converts");
        assert!(json.contains("\"schemaVersion\": \"0.3\""), "{json}");
        let back = convert(&json, Format::Json, Format::Yaml).expect("converts");
        assert_eq!(
            convert(&back, Format::Yaml, Format::Json).expect("converts"),
            json
        );
        assert!(convert("{", Format::Json, Format::Yaml).is_err());
    }
}
