//! Chooses the text that the rule sets of most services have in common, so that each takes little in the packed table.

use zstd::bulk::Compressor;

use super::PackError;

/// Rule sets in the dictionary: the kinds of which there are many.
const KINDS: usize = 8;

/// Longest rule set considered, in bytes: the few longer ones are like no other.
const LONGEST: usize = 10_000;

/// Candidates tried for each place in the dictionary.
const CANDIDATES: usize = 12;

/// Level for trying; the result is packed at another.
const LEVEL: i32 = 3;

/// The rule sets, one after the other, that together make the others shortest: chosen one by one, each among the ones
/// that are longest with those chosen before. The same sets give the same bytes.
pub(super) fn in_common(sets: &[String]) -> Result<Vec<u8>, PackError> {
    let mut chosen = Vec::new();
    for _ in 0..KINDS {
        let mut costs = costs(sets, &chosen)?;
        let total: usize = costs.iter().map(|(cost, _)| cost).sum();
        costs.retain(|(_, at)| sets.get(*at).is_some_and(|set| set.len() <= LONGEST));
        costs.sort_by_key(|(cost, at)| (usize::MAX - cost, *at));
        let mut best = (total, Vec::new());
        for (_, at) in costs.iter().take(CANDIDATES) {
            let set = sets.get(*at).map(String::as_bytes).unwrap_or_default();
            let with = [chosen.as_slice(), set].concat();
            let cost = costs_total(sets, &with)?;
            if cost < best.0 {
                best = (cost, with);
            }
        }
        if best.1.is_empty() {
            break;
        }
        chosen = best.1;
    }
    Ok(chosen)
}

fn costs_total(sets: &[String], dictionary: &[u8]) -> Result<usize, PackError> {
    Ok(costs(sets, dictionary)?.iter().map(|(cost, _)| cost).sum())
}

/// The packed length of each set with its place.
fn costs(sets: &[String], dictionary: &[u8]) -> Result<Vec<(usize, usize)>, PackError> {
    let mut compressor =
        Compressor::with_dictionary(LEVEL, dictionary).map_err(PackError::Compress)?;
    let cost = |(at, set): (usize, &String)| {
        let packed = compressor
            .compress(set.as_bytes())
            .map_err(PackError::Compress)?;
        Ok((packed.len(), at))
    };
    sets.iter().enumerate().map(cost).collect()
}
