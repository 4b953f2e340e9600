//! Wares as its users meet it: a real server on a port of its own, real
//! components, one data folder a test, whole answers.

mod harness;

mod addresses;
mod any_case;
mod bodies;
mod broken;
mod browser;
mod changes;
mod commands;
mod contracts;
mod crossing;
mod customers;
mod description;
mod document;
mod durability;
mod endings;
mod faults;
mod floods;
mod full_disk;
mod groups;
mod heads;
mod hostile;
mod identity;
mod keys;
mod listening;
mod lists;
mod loading;
mod logs;
mod metadata;
mod metrics;
mod openapi;
mod operations;
mod origins;
mod paths;
mod printed;
mod refused_starts;
mod sdk;
mod signin;
mod starts;
mod swap;
mod transport;
mod troubles;
mod versions;
mod watch;
mod wit;
