//! The Wares host: HTTP, identity, storage and sandboxing for business modules
//! that are WebAssembly components. It never knows what business they are in.
