// Must be: forbidden, syntax
// Swallows the call with a macro.
extern "C" void swm_judge_call() {}
#define swm_judge_call unused
int solve(int n) { return 0; }
