// What the thread sanitizer is to overlook: oneDNN is not compiled with it, so that the locks of
// its cache of primitives are invisible, and what they guard looks like a race.
#if defined(__SANITIZE_THREAD__)
extern "C" const char* __tsan_default_suppressions();  // the sanitizer's own name for it
extern "C" const char* __tsan_default_suppressions() { return "race:libdnnl.so\nrace:dnnl::\n"; }
#endif
