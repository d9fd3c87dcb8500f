// Must be: wrong_answer
// Takes the place of library functions.
extern "C" long read(int, void *, unsigned long) { return 0; }
extern "C" long write(int, const void *, unsigned long n) { return n; }
extern "C" int dup(int) { return 1; }
int solve(int n) { return 0; }
