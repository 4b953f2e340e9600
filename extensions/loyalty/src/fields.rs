//! The fields `loyalty.tier` and `loyalty.points` of customers.

use serde_json::json;
use wares_module_kit::component::provider::{Field, Provider, Question};
use wares_module_kit::extended::{Condition, Selection};
use wares_module_kit::fault::Fault;

use crate::accounts;
use crate::loyalty::Loyalty;
use crate::rules::{Range, by_points, by_tier, has_zero, others};
use crate::tiers::Tiers;

const TIER: &str = "loyalty.tier";
const POINTS: &str = "loyalty.points";

impl Provider for Loyalty {
    fn fields(tiers: &Tiers) -> Vec<Field> {
        let field = |name, schema| Field {
            entity: "customer",
            name,
            schema,
            filterable: true,
        };
        vec![
            field(TIER, json!({"type": "string", "enum": tiers.names()})),
            field(POINTS, json!({"type": "integer", "minimum": 0})),
        ]
    }

    fn values(loyalty: &Self, question: &Question) -> Result<Vec<Vec<String>>, Fault> {
        let ids: Vec<&str> = question.ids.iter().map(String::as_str).collect();
        let accounts = accounts::points(&loyalty.store.0, &ids)?;
        let points = |id: &&str| accounts.get(*id).copied().unwrap_or_default();
        let value = |name: &str, id: &&str| match name {
            TIER => json!(loyalty.tiers.of(points(id))).to_string(),
            _ => points(id).to_string(),
        };
        let asked = question.asked.iter();
        let values = asked.map(|asked| ids.iter().map(|id| value(&asked.name, id)).collect());
        Ok(values.collect())
    }

    fn select(
        loyalty: &Self,
        _: &str,
        name: &str,
        conditions: &[Condition],
        limit: u32,
    ) -> Result<Selection, Fault> {
        let ranges = match name {
            TIER => by_tier(&loyalty.tiers, conditions),
            _ => by_points(conditions),
        };
        let ranges = ranges.map_err(Fault::Invalid)?;
        let select = |ranges: &[Range]| accounts::select(&loyalty.store.0, ranges, limit);
        // Customers without an account, whose ids are not known here, fulfil it too.
        match has_zero(&ranges) {
            true => Ok(Selection::AllBut(select(&others(&ranges))?)),
            false => Ok(Selection::Ids(select(&ranges)?)),
        }
    }
}
