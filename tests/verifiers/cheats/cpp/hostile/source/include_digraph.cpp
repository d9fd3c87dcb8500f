// Must be: forbidden
// The other spelling of #, a comment before and inside.
/* a */ %: /* b */ include "/etc/passwd"
int solve(int n) { return n * n + 1; }
