//! The macros that export a component.

/// Exports a component: what every component has, and the interfaces that it names by their traits.
/// Its name, version and summary are those of its package in `Cargo.toml`.
///
/// The names are [`Http`](crate::Http), [`Migrations`](crate::Migrations), [`Seed`](crate::Seed),
/// [`Entities`](crate::Entities), [`Provider`](crate::Provider), [`Subscriber`](crate::Subscriber) and
/// [`CustomerHooks`](crate::CustomerHooks).
///
/// ```no_run
/// use wares_module::{Component, CustomerHooks};
///
/// struct Tidy;
/// wares_module::export!(Tidy: CustomerHooks);
///
/// impl Component for Tidy {}
/// impl CustomerHooks for Tidy {}
/// ```
///
/// ```compile_fail
/// # use wares_module::Component;
/// struct Tidy;
/// wares_module::export!(Tidy: Hooks); // There is no interface of this name.
/// # impl Component for Tidy {}
/// ```
#[macro_export]
macro_rules! export {
    ($component:ident $(: $($interface:ident),+ $(,)?)?) => {
        impl $crate::Package for $component {
            const NAME: &'static str = env!("CARGO_PKG_NAME");
            const VERSION: &'static str = env!("CARGO_PKG_VERSION");
            const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
        }
        $crate::export_interfaces!($component: Component $($(, $interface)+)?);
    };
}

/// Exports the interfaces that it names, and no others, for what [`export!`] does not fit: a
/// component whose name is not that of its package implements [`Package`](crate::Package) itself.
///
/// ```no_run
/// use wares_module::{Component, Package};
///
/// struct Tidy;
/// wares_module::export_interfaces!(Tidy: Component);
///
/// impl Package for Tidy {
///     const NAME: &'static str = "tidy";
///     const VERSION: &'static str = "1.0.0";
///     const SUMMARY: &'static str = "Tidies names";
/// }
/// impl Component for Tidy {}
/// ```
#[macro_export]
macro_rules! export_interfaces {
    ($component:ident: $($interface:ident),+ $(,)?) => {
        $($crate::__export!($component $interface);)+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($component:ident Component) => {
        $crate::bindings::lifecycle::export!($component with_types_in $crate::bindings::lifecycle);
    };
    ($component:ident Http) => {
        $crate::bindings::http::export!($component with_types_in $crate::bindings::http);
    };
    ($component:ident Migrations) => {
        $crate::bindings::migrations::export!($component with_types_in $crate::bindings::migrations);
    };
    ($component:ident Seed) => {
        $crate::bindings::seed::export!($component with_types_in $crate::bindings::seed);
    };
    ($component:ident Entities) => {
        $crate::bindings::entities::export!($component with_types_in $crate::bindings::entities);
    };
    ($component:ident Subscriber) => {
        $crate::bindings::subscriber::export!($component with_types_in $crate::bindings::subscriber);
    };
    ($component:ident Provider) => {
        $crate::bindings::provider::export!($component with_types_in $crate::bindings::provider);
    };
    ($component:ident CustomerHooks) => {
        $crate::bindings::customer_hooks::export!(
            $component with_types_in $crate::bindings::customer_hooks
        );
    };
    ($component:ident $interface:ident) => {
        compile_error!(concat!(
            "there is no interface `", stringify!($interface), "` to export; there are Http, ",
            "Migrations, Seed, Entities, Provider and CustomerHooks"
        ));
    };
}
