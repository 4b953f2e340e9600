//! Wares as its users meet it: a real server on a port of its own, real
//! components, one data folder a test, whole answers.

mod harness;

mod addresses;
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
mod folders;
mod full_disk;
mod groups;
mod hostile;
mod identity;
mod keys;
mod lists;
mod loading;
mod logs;
mod metadata;
mod openapi;
mod operations;
mod origins;
mod paths;
mod printed;
mod proof;
mod sdk;
mod settings;
mod signatures;
mod signin;
mod starts;
mod swap;
mod transport;
mod users;
mod versions;
mod watch;
mod wit;
