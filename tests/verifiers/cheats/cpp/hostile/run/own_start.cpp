// Must be: syntax, time, crash
// Its own entry of the program.
extern "C" void _start() { for (;;) {} }
int solve(int n) { return 0; }
