// Must be: syntax
// Its own end of the conversation.
extern "C" void swm_judge_call() {}
int solve(int n) { return 0; }
