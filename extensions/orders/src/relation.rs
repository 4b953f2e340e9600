//! The relation `orders` of customers.

use wares_module_kit::component::provider::{Field, Provider, Question};
use wares_module_kit::fault::Fault;
use wares_module_kit::http::json::tied;

use crate::model::{ORDER, ORDERS_OF_CUSTOMER};
use crate::orders::Orders;

impl Provider for Orders {
    fn fields((): &()) -> Vec<Field> {
        vec![Field::relation("customer", "orders", &ORDER)]
    }

    fn values(orders: &Self, question: &Question) -> Result<Vec<Vec<String>>, Fault> {
        let asked = question.asked.iter();
        let values = asked.map(|asked| {
            let related = asked.related(&ORDERS_OF_CUSTOMER);
            tied(&orders.0, question.budget, &related, &question.ids)
        });
        values.collect()
    }
}
