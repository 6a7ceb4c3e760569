// Holds the precompiled LibTorch header; nothing else.
