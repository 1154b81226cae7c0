//! stub
pub mod text;
