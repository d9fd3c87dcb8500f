// Must be: forbidden
// Claims that the next line comes from elsewhere.
# 1 "/etc/passwd" 1 3
int solve(int n) { return n * n + 1; }
