"""The models: a static table that ships with the package, and MiniLM on ONNX Runtime."""
