//! The prefixes of ids.

/// Prefix of a customer's id.
pub const CUSTOMER: &str = "cus_";
/// Prefix of an address's id.
pub const ADDRESS: &str = "cuaddr_";
/// Prefix of a group's id.
pub const GROUP: &str = "cusgroup_";
/// Prefix of a membership's id.
pub const MEMBERSHIP: &str = "cusgc_";
