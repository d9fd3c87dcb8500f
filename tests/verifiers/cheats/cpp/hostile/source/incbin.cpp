// Must be: forbidden
// The assembler embeds a file.
__asm__(".section .rodata\nsecret: .incbin \"/etc/passwd\"\n");
int solve(int n) { return n * n + 1; }
