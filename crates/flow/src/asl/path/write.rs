//! Putting a value where a reference path points (`ResultPath`).

use serde_json::{Map, Value};

use super::{Path, Step, Unplaceable, bracketed};

impl Path {
    /// Puts `new` where this reference path points in `document`, making the objects on the way that are missing.
    ///
    /// # Errors
    /// On the way stands something that is neither an object nor an item of a list, or the path is no reference.
    pub fn write(&self, document: &mut Value, new: Value) -> Result<(), Unplaceable> {
        let mut place = document;
        for (n, step) in self.steps.iter().enumerate() {
            let refuse = || {
                let so_far = bracketed(self.steps.get(..=n).unwrap_or_default());
                Unplaceable(format!("{so_far} cannot be set"))
            };
            place = match step {
                Step::Name(name) => {
                    if place.is_null() {
                        *place = Value::Object(Map::new());
                    }
                    let map = place.as_object_mut().ok_or_else(refuse)?;
                    map.entry(name.clone()).or_insert(Value::Null)
                }
                Step::Index(at) => usize::try_from(*at)
                    .ok()
                    .and_then(|at| place.as_array_mut()?.get_mut(at))
                    .ok_or_else(refuse)?,
                _ => return Err(refuse()),
            };
        }
        *place = new;
        Ok(())
    }
}
