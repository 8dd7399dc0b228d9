#include "textflag.h"

// From the first twelve bytes of each half, four pixels of three bytes: the lower half takes pixels 0 and 1, the upper
// one pixels 2 and 3, as words in the order a0 a1 b0 b1 c0 c1 and two zeros.
DATA pairs<>+0(SB)/8, $0x8004800180038000
DATA pairs<>+8(SB)/8, $0x8080808080058002
DATA pairs<>+16(SB)/8, $0x800a800780098006
DATA pairs<>+24(SB)/8, $0x80808080800b8008
GLOBL pairs<>(SB), RODATA|NOPTR, $32

// Of eight weights the first and second pair, once for each byte of a pixel; then the third and fourth.
DATA early<>+0(SB)/8, $0x0302010003020100
DATA early<>+8(SB)/8, $0x0302010003020100
DATA early<>+16(SB)/8, $0x0706050407060504
DATA early<>+24(SB)/8, $0x0706050407060504
GLOBL early<>(SB), RODATA|NOPTR, $32
DATA late<>+0(SB)/8, $0x0b0a09080b0a0908
DATA late<>+8(SB)/8, $0x0b0a09080b0a0908
DATA late<>+16(SB)/8, $0x0f0e0d0c0f0e0d0c
DATA late<>+24(SB)/8, $0x0f0e0d0c0f0e0d0c
GLOBL late<>(SB), RODATA|NOPTR, $32

// 1/(255*unit) as float32.
DATA scale<>+0(SB)/4, $0x34808081
GLOBL scale<>(SB), RODATA|NOPTR, $4

// func remapVector(w *vectorWork)
TEXT ·remapVector(SB), NOSPLIT, $0-8
	MOVQ w+0(FP), AX
	MOVQ (AX), DI
	MOVQ 8(AX), SI
	MOVQ 16(AX), DX
	MOVQ 24(AX), R8
	MOVQ 32(AX), R9
	MOVQ 40(AX), R10
	MOVQ 48(AX), R11
	MOVQ 56(AX), R12
	MOVQ 64(AX), R13
	MOVQ 72(AX), BX
	LEAQ (R11)(R11*2), AX
	LEAQ (R10)(AX*2), R10          // a run has six bytes: x, y, count
	VMOVDQU pairs<>(SB), Y15
	VMOVDQU early<>(SB), Y14
	VMOVDQU late<>(SB), Y13
	VBROADCASTSS scale<>(SB), X12

pixel:
	VPXOR Y4, Y4, Y4
	VPXOR Y6, Y6, Y6
	MOVL (R8), CX                   // where the pixel's runs end
	SUBQ R11, CX
	JZ   sum
	ADDQ CX, R11

run:
	MOVWQZX 2(R10), AX
	IMULQ   BX, AX
	MOVWQZX (R10), R15
	ADDQ    R13, AX
	LEAQ    (R15)(R15*2), R15
	ADDQ    R15, AX                 // the run's first byte
	MOVWQZX 4(R10), R15
	ADDQ    $6, R10

taps:
	VBROADCASTI128 (AX), Y0
	VBROADCASTI128 (R12), Y1
	VBROADCASTI128 12(AX), Y2
	VPSHUFB  Y15, Y0, Y0
	VPSHUFB  Y14, Y1, Y3
	VPSHUFB  Y15, Y2, Y2
	VPSHUFB  Y13, Y1, Y1
	VPMADDWD Y3, Y0, Y0
	VPMADDWD Y1, Y2, Y2
	VPADDD   Y0, Y4, Y4
	VPADDD   Y2, Y6, Y6
	ADDQ     $24, AX
	ADDQ     $16, R12
	SUBQ     $8, R15
	JG       taps
	DECQ     CX
	JNZ      run

sum:
	VPADDD       Y6, Y4, Y4
	VEXTRACTI128 $1, Y4, X5
	VPADDD       X5, X4, X4
	VPBROADCASTD 4(R8), X5          // grey
	VPADDD       X5, X4, X4
	VCVTDQ2PS    X4, X4
	VMULPS       X12, X4, X4
	VMOVSS       X4, (DI)
	VEXTRACTPS   $1, X4, (SI)
	VEXTRACTPS   $2, X4, (DX)
	ADDQ         $4, DI
	ADDQ         $4, SI
	ADDQ         $4, DX
	ADDQ         $8, R8
	DECQ         R9
	JNZ          pixel
	VZEROUPPER
	RET
