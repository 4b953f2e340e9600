//! What other components provide, as the host has it.

use wares_module::Context;
use wares_module::extended as wit;

use crate::caller::Caller;
use crate::extended::{Condition, Extended, Member, Selected, Selection};

/// The components that the host reaches, for the calls of one caller.
pub(super) struct OfHost<'a>(pub &'a Caller);

impl Extended for OfHost<'_> {
    fn is_extended(&self, entity: &str) -> bool {
        wit::is_extended(entity)
    }

    fn values(&self, entity: &str, paths: &[String], ids: &[&str], written: bool) -> Vec<Member> {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let members = wit::values(&Context::from(self.0), entity, paths, &ids, written);
        let member = |member: wit::Member| Member {
            name: member.name,
            values: member.values,
        };
        members.into_iter().map(member).collect()
    }

    fn select(&self, entity: &str, name: &str, conditions: &[Condition]) -> Selected {
        let condition = |condition: &Condition| wit::Condition {
            operator: condition.operator.clone(),
            values: condition.values.clone(),
        };
        let conditions: Vec<wit::Condition> = conditions.iter().map(condition).collect();
        match wit::select(&Context::from(self.0), entity, name, &conditions) {
            wit::Selection::Unknown => Selected::Unknown,
            wit::Selection::Ids(ids) => Selected::Found(Selection::Ids(ids)),
            wit::Selection::AllBut(ids) => Selected::Found(Selection::AllBut(ids)),
            wit::Selection::Refused(text) => Selected::Refused(text),
        }
    }
}
