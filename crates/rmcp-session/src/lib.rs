//! The RMCP+ session endpoint as a pure state machine: no socket, no clock, no randomness of its own
