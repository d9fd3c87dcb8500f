// Must be: missing
// Answers nothing.
void solve(int n) {}
