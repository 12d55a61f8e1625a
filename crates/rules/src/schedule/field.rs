//! One field of a cron expression: lists, ranges and steps of numbers or names.

/// The numbers a field may hold and the names some of them have.
pub(super) struct Domain {
    pub(super) title: &'static str,
    pub(super) low: u16,
    pub(super) high: u16,
    /// Names of the numbers from `low` on.
    pub(super) names: &'static [&'static str],
}

/// The numbers a field allows, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Numbers(Vec<u16>);

impl Numbers {
    pub(super) fn contains(&self, number: u16) -> bool {
        self.0.binary_search(&number).is_ok()
    }

    /// The smallest allowed number that is not below `number`.
    pub(super) fn at_or_after(&self, number: u16) -> Option<u16> {
        self.0
            .get(self.0.partition_point(|allowed| *allowed < number))
            .copied()
    }
}

impl Domain {
    /// Reads a list of items such as `1,5-9,10/15,*`.
    pub(super) fn parse(&self, text: &str) -> Result<Numbers, String> {
        let mut numbers = Vec::new();
        for item in text.split(',') {
            self.item(item, &mut numbers)?;
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(Numbers(numbers))
    }

    /// Reads one number or name.
    pub(super) fn number(&self, text: &str) -> Result<u16, String> {
        let (title, low, high) = (self.title, self.low, self.high);
        let refuse = || format!("{title} `{text}`: use {low} to {high}");
        let named = self
            .names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text));
        if let Some(offset) = named.and_then(|offset| u16::try_from(offset).ok()) {
            return Ok(low + offset);
        }
        if text.is_empty() || text.len() > 4 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refuse());
        }
        let number: u16 = text.parse().map_err(|_| refuse())?;
        if (low..=high).contains(&number) {
            Ok(number)
        } else {
            Err(refuse())
        }
    }

    fn item(&self, item: &str, numbers: &mut Vec<u16>) -> Result<(), String> {
        let (range, step) = match item.split_once('/') {
            None => (item, None),
            Some((range, step)) => (range, Some(self.step(step)?)),
        };
        let (first, last) = if range == "*" {
            (self.low, self.high)
        } else if let Some((first, last)) = range.split_once('-') {
            (self.number(first)?, self.number(last)?)
        } else {
            let first = self.number(range)?;
            (first, if step.is_some() { self.high } else { first })
        };
        // `FRI-MON` goes over the end of the week, and likewise for the other fields.
        let whole = u32::from(self.high - self.low) + 1;
        let length = (u32::from(last) + whole - u32::from(first)) % whole;
        for distance in (0..=length).step_by(usize::from(step.unwrap_or(1))) {
            let offset = (u32::from(first - self.low) + distance) % whole;
            numbers.push(self.low + u16::try_from(offset).unwrap_or_default());
        }
        Ok(())
    }

    fn step(&self, text: &str) -> Result<u16, String> {
        let most = self.high - self.low + 1;
        let refuse = || format!("{} step `{text}`: use 1 to {most}", self.title);
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refuse());
        }
        match text.parse() {
            Ok(step) if (1..=most).contains(&step) => Ok(step),
            _ => Err(refuse()),
        }
    }
}
