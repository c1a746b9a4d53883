//! How a host is set up: one home for every limit, each with its unit.

mod file;
mod settings;

pub use self::{
    file::ConfigError,
    settings::{
        DispatchSettings, EngineSettings, HookSettings, HostConfig, InputSettings,
        QuarantineSettings, QueueSettings,
    },
};
