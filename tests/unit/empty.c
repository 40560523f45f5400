// The shared library of the Lua specs is made of whole static libraries; it needs one source of its
// own.
int tm_test_library_version(void);
int tm_test_library_version(void)
{
    return 1;
}
