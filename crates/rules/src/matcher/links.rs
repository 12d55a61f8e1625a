//! Where postings lead: the chains of places in rules that a value is of interest to.
//!
//! A posting is a number: [`NONE`], a link with more behind it, or, where there is nothing to
//! check and nothing behind, the target itself.

use super::index::{Chains, Guard, Left, NONE};
use crate::condition::Condition;

/// Set in a posting that is a target itself.
const DIRECT: u32 = 1 << 31;

/// Set in a target that is no branch.
const EXCEPTION: u32 = 1 << 30;
const RULE: u32 = 1 << 29;

/// What a condition that holds is good for. Rules in memory are fewer than 2^29.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The branch is a candidate.
    Branch(u32),
    /// The rule matches: this is all it asks for.
    Rule(u32),
    /// The place for any value, given by its number, is no longer for this one.
    Exception(u32),
}

impl Target {
    pub(super) fn pack(self) -> u32 {
        match self {
            Target::Branch(number) => number,
            Target::Rule(number) => RULE | number,
            Target::Exception(number) => EXCEPTION | number,
        }
    }

    #[inline]
    pub(super) fn of(packed: u32) -> Target {
        let number = packed & !(DIRECT | EXCEPTION | RULE);
        if packed & EXCEPTION != 0 {
            Target::Exception(number)
        } else if packed & RULE != 0 {
            Target::Rule(number)
        } else {
            Target::Branch(number)
        }
    }
}

/// A target among others.
#[derive(Clone, Copy, Debug)]
struct Link {
    /// Packed.
    target: u32,
    /// The condition that has to be checked, if any.
    check: u32,
    /// The posting for the rest.
    next: u32,
    guard: Guard,
}

/// A condition that has to be checked.
#[derive(Clone, Copy)]
pub(super) struct Check {
    pub(super) condition: u32,
    pub(super) guard: Guard,
}

/// The links of all postings.
#[derive(Debug, Default)]
pub(super) struct Links {
    list: Vec<Link>,
    /// Conditions that links name; copies, so that they are found without going through rules.
    checks: Vec<Condition>,
}

impl Links {
    /// Where a posting leads. Ends once `take` says no.
    #[inline]
    pub(super) fn follow(&self, head: u32, mut take: impl FnMut(Target, Option<Check>) -> bool) {
        let mut head = head;
        while head != NONE {
            if head & DIRECT != 0 {
                take(Target::of(head), None);
                return;
            }
            let Some(link) = self.list.get(head as usize) else {
                return;
            };
            let check = (link.check != NONE).then_some(Check {
                condition: link.check,
                guard: link.guard,
            });
            if !take(Target::of(link.target), check) {
                return;
            }
            head = link.next;
        }
    }

    pub(super) fn condition(&self, check: Check) -> Option<&Condition> {
        self.checks.get(check.condition as usize)
    }

    pub(super) fn shrink(&mut self) {
        self.list.shrink_to_fit();
        self.checks.shrink_to_fit();
    }

    /// Bytes kept.
    pub(super) fn memory(&self) -> usize {
        let checks: usize = self.checks.iter().map(Condition::memory).sum();
        checks
            + self.checks.capacity() * size_of::<Condition>()
            + self.list.capacity() * size_of::<Link>()
    }

    fn push(&mut self, link: Link) -> u32 {
        self.list.push(link);
        // Conditions in memory are fewer.
        u32::try_from(self.list.len() - 1).unwrap_or(NONE)
    }
}

/// Adds the links of one condition.
pub(super) struct Linking<'a> {
    pub(super) links: &'a mut Links,
    pub(super) target: Target,
    pub(super) condition: &'a Condition,
}

impl Chains for Linking<'_> {
    fn link(&mut self, head: u32, left: Left) -> u32 {
        let target = self.target.pack();
        let (check, guard) = match left {
            Left::Nothing if head == NONE => return DIRECT | target,
            Left::Nothing => (NONE, Guard::default()),
            Left::Check(guard) => {
                let checks = &mut self.links.checks;
                checks.push(self.condition.clone());
                (u32::try_from(checks.len() - 1).unwrap_or(NONE), guard)
            }
        };
        self.links.push(Link {
            target,
            check,
            next: head,
            guard,
        })
    }

    fn join(&mut self, first: u32, second: u32) -> u32 {
        let follow = |target: u32| Link {
            target,
            check: NONE,
            next: second,
            guard: Guard::default(),
        };
        if first == NONE {
            return second;
        }
        if first & DIRECT != 0 {
            return self.links.push(follow(first & !DIRECT));
        }
        let mut end = first;
        while let Some(link) = self.links.list.get(end as usize) {
            let next = match link.next {
                NONE => second,
                next if next & DIRECT != 0 => self.links.push(follow(next & !DIRECT)),
                next => {
                    end = next;
                    continue;
                }
            };
            if let Some(link) = self.links.list.get_mut(end as usize) {
                link.next = next;
            }
            break;
        }
        first
    }

    fn place(&self) -> u32 {
        self.target.pack()
    }

    fn except<'c>(&'c mut self, exception: u32, condition: &'c Condition) -> impl Chains + 'c {
        Linking {
            links: self.links,
            target: Target::Exception(exception),
            condition,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Chains, Left, Linking, Links, NONE, Target};
    use crate::condition::Condition;

    fn targets(links: &Links, head: u32) -> Vec<Target> {
        let mut targets = Vec::new();
        links.follow(head, |target, _| {
            targets.push(target);
            true
        });
        targets
    }

    #[test]
    fn chains_hold_what_was_put_into_them() {
        let mut links = Links::default();
        let mut heads = Vec::new();
        // Chains of no link, of one to four, and the same with a check in front.
        for checked in [false, true] {
            for count in 0..5 {
                let mut head = NONE;
                for number in 0..count {
                    let mut linking = Linking {
                        links: &mut links,
                        target: Target::Rule(number),
                        condition: &Condition::Present,
                    };
                    let is_last = number + 1 == count;
                    head = linking.link(
                        head,
                        if checked && is_last {
                            Left::Check(super::Guard::default())
                        } else {
                            Left::Nothing
                        },
                    );
                }
                let wanted: Vec<Target> = (0..count).rev().map(Target::Rule).collect();
                assert_eq!(targets(&links, head), wanted);
                heads.push(head);
            }
        }
        for first in &heads {
            for second in &heads {
                let (mut one, other) = (targets(&links, *first), targets(&links, *second));
                // Joining changes the first chain, so this one is made anew.
                let mut linking = Linking {
                    links: &mut links,
                    target: Target::Exception(0),
                    condition: &Condition::Present,
                };
                let mut copy = NONE;
                for target in one.iter().rev() {
                    linking.target = *target;
                    copy = linking.link(copy, Left::Nothing);
                }
                let joined = linking.join(copy, *second);
                one.extend(other);
                assert_eq!(targets(&links, joined), one);
            }
        }
    }

    #[test]
    fn targets_come_back() {
        for target in [
            Target::Branch(7),
            Target::Rule(0),
            Target::Exception((1 << 29) - 1),
        ] {
            assert_eq!(Target::of(target.pack()), target);
        }
    }
}
