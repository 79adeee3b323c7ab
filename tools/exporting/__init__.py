"""Trained models as files that others read: ONNX, torch's exported programs, safetensors."""
