//! How names given by people are compared with names of the models.

/// Lower case without `_`, `-`, blanks and dots, so that every customary spelling of a service or operation meets.
pub(crate) fn normalised(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-' | ' ' | '.'))
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// Up to three of `names` nearest to `wanted` by edit distance, nearest first; none that differs in more than a third.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = normalised(wanted);
    if wanted.len() > 128 {
        return Vec::new();
    }
    let limit = (wanted.len() / 3).max(1);
    let mut ranked: Vec<(usize, &str)> = names
        .filter(|name| name.len().abs_diff(wanted.len()) <= limit + 4)
        .map(|name| (distance(&wanted, &normalised(name)), name))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    ranked.sort();
    ranked.into_iter().take(3).map(|(_, name)| name).collect()
}

fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        for (cell, r) in row.iter_mut().skip(1).zip(&right) {
            let cost = diagonal + usize::from(l != *r);
            diagonal = *cell;
            *cell = cost.min(before + 1).min(diagonal + 1);
            before = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_meet() {
        for name in [
            "DescribeInstances",
            "describe_instances",
            "describe-instances",
            "describeInstances",
        ] {
            assert_eq!(normalised(name), "describeinstances");
        }
    }

    #[test]
    fn nearest_names_are_offered() {
        let names = ["DescribeInstances", "DescribeImages", "RunInstances"];
        assert_eq!(
            nearest("DescribeInstance", names.into_iter()),
            ["DescribeInstances"]
        );
        assert!(nearest("Xyz", names.into_iter()).is_empty());
    }
}
