"""Names of keysyms in the X Window System and their numbers, and the other names we take.

Characters beyond latin-1 have no name here: they are keysyms by the Unicode rule (see keysyms.py).
"""

_X11 = """
BackSpace=ff08 Tab=ff09 Linefeed=ff0a Clear=ff0b Return=ff0d Pause=ff13 Scroll_Lock=ff14
Sys_Req=ff15 Escape=ff1b Delete=ffff
Home=ff50 Left=ff51 Up=ff52 Right=ff53 Down=ff54 Prior=ff55 Page_Up=ff55 Next=ff56 Page_Down=ff56
End=ff57 Begin=ff58
Select=ff60 Print=ff61 Execute=ff62 Insert=ff63 Undo=ff65 Redo=ff66 Menu=ff67 Find=ff68
Cancel=ff69 Help=ff6a Break=ff6b Mode_switch=ff7e Num_Lock=ff7f
Shift_L=ffe1 Shift_R=ffe2 Control_L=ffe3 Control_R=ffe4 Caps_Lock=ffe5 Shift_Lock=ffe6 Meta_L=ffe7
Meta_R=ffe8 Alt_L=ffe9 Alt_R=ffea Super_L=ffeb Super_R=ffec Hyper_L=ffed Hyper_R=ffee
ISO_Level3_Shift=fe03 ISO_Level5_Shift=fe11 ISO_Left_Tab=fe20
KP_Space=ff80 KP_Tab=ff89 KP_Enter=ff8d KP_F1=ff91 KP_F2=ff92 KP_F3=ff93 KP_F4=ff94 KP_Home=ff95
KP_Left=ff96 KP_Up=ff97 KP_Right=ff98 KP_Down=ff99 KP_Prior=ff9a KP_Page_Up=ff9a KP_Next=ff9b
KP_Page_Down=ff9b KP_End=ff9c KP_Begin=ff9d KP_Insert=ff9e KP_Delete=ff9f KP_Equal=ffbd
KP_Multiply=ffaa KP_Add=ffab KP_Separator=ffac KP_Subtract=ffad KP_Decimal=ffae KP_Divide=ffaf
KP_0=ffb0 KP_1=ffb1 KP_2=ffb2 KP_3=ffb3 KP_4=ffb4 KP_5=ffb5 KP_6=ffb6 KP_7=ffb7 KP_8=ffb8
KP_9=ffb9
dead_grave=fe50 dead_acute=fe51 dead_circumflex=fe52 dead_tilde=fe53 dead_perispomeni=fe53
dead_macron=fe54 dead_breve=fe55 dead_abovedot=fe56 dead_diaeresis=fe57 dead_abovering=fe58
dead_doubleacute=fe59 dead_caron=fe5a dead_cedilla=fe5b dead_ogonek=fe5c dead_iota=fe5d
dead_voiced_sound=fe5e dead_semivoiced_sound=fe5f
space=20 exclam=21 quotedbl=22 numbersign=23 dollar=24 percent=25 ampersand=26 apostrophe=27
quoteright=27 parenleft=28 parenright=29 asterisk=2a plus=2b comma=2c minus=2d period=2e slash=2f
colon=3a semicolon=3b less=3c equal=3d greater=3e question=3f at=40 bracketleft=5b backslash=5c
bracketright=5d asciicircum=5e underscore=5f grave=60 quoteleft=60 braceleft=7b bar=7c
braceright=7d asciitilde=7e nobreakspace=a0 exclamdown=a1 cent=a2 sterling=a3 currency=a4 yen=a5
brokenbar=a6 section=a7 diaeresis=a8 copyright=a9 ordfeminine=aa guillemotleft=ab notsign=ac
hyphen=ad registered=ae macron=af degree=b0 plusminus=b1 twosuperior=b2 threesuperior=b3 acute=b4
mu=b5 paragraph=b6 periodcentered=b7 cedilla=b8 onesuperior=b9 masculine=ba guillemotright=bb
onequarter=bc onehalf=bd threequarters=be questiondown=bf Agrave=c0 Aacute=c1 Acircumflex=c2
Atilde=c3 Adiaeresis=c4 Aring=c5 AE=c6 Ccedilla=c7 Egrave=c8 Eacute=c9 Ecircumflex=ca
Ediaeresis=cb Igrave=cc Iacute=cd Icircumflex=ce Idiaeresis=cf ETH=d0 Eth=d0 Ntilde=d1 Ograve=d2
Oacute=d3 Ocircumflex=d4 Otilde=d5 Odiaeresis=d6 multiply=d7 Oslash=d8 Ooblique=d8 Ugrave=d9
Uacute=da Ucircumflex=db Udiaeresis=dc Yacute=dd THORN=de Thorn=de ssharp=df agrave=e0 aacute=e1
acircumflex=e2 atilde=e3 adiaeresis=e4 aring=e5 ae=e6 ccedilla=e7 egrave=e8 eacute=e9
ecircumflex=ea ediaeresis=eb igrave=ec iacute=ed icircumflex=ee idiaeresis=ef eth=f0 ntilde=f1
ograve=f2 oacute=f3 ocircumflex=f4 otilde=f5 odiaeresis=f6 division=f7 oslash=f8 ooblique=f8
ugrave=f9 uacute=fa ucircumflex=fb udiaeresis=fc yacute=fd thorn=fe ydiaeresis=ff
XF86AudioLowerVolume=1008ff11 XF86AudioMute=1008ff12 XF86AudioRaiseVolume=1008ff13
XF86AudioPlay=1008ff14 XF86AudioStop=1008ff15 XF86AudioPrev=1008ff16 XF86AudioNext=1008ff17
XF86AudioPause=1008ff31 XF86Back=1008ff26 XF86Forward=1008ff27 XF86Reload=1008ff73
XF86HomePage=1008ff18 XF86Search=1008ff1b XF86Mail=1008ff19 XF86Favorites=1008ff30
XF86Calculator=1008ff1d XF86Explorer=1008ff5d XF86Refresh=1008ff29 XF86Copy=1008ff57
XF86Cut=1008ff58 XF86Paste=1008ff6d XF86Close=1008ff56 XF86New=1008ff68 XF86Open=1008ff6b
XF86Save=1008ff77 XF86ZoomIn=1008ff8b XF86ZoomOut=1008ff8c XF86MonBrightnessUp=1008ff02
XF86MonBrightnessDown=1008ff03 XF86PowerOff=1008ff2a XF86Sleep=1008ff2f XF86WakeUp=1008ff2b
XF86Eject=1008ff2c
"""

X11_NAMES: dict[str, int] = {
    name: int(number, 16) for name, number in (word.split("=") for word in _X11.split())
}
X11_NAMES.update({f"F{n}": 0xFFBD + n for n in range(1, 36)})

OTHER_NAMES: dict[str, str] = {
    # What people write.
    "ctrl": "Control_L",
    "control": "Control_L",
    "shift": "Shift_L",
    "alt": "Alt_L",
    "altgr": "ISO_Level3_Shift",
    "super": "Super_L",
    "win": "Super_L",
    "cmd": "Super_L",
    "meta": "Meta_L",
    "hyper": "Hyper_L",
    "enter": "Return",
    "esc": "Escape",
    "del": "Delete",
    "ins": "Insert",
    "pageup": "Page_Up",
    "pagedown": "Page_Down",
    "capslock": "Caps_Lock",
    "numlock": "Num_Lock",
    "scrolllock": "Scroll_Lock",
    "printscreen": "Print",
    "sysrq": "Sys_Req",
    # The names of OpenAI Universe; its "slash" was a backslash by mistake.
    "bsp": "BackSpace",
    "pgup": "Page_Up",
    "pgdn": "Page_Down",
    "arrowleft": "Left",
    "arrowup": "Up",
    "arrowright": "Right",
    "arrowdown": "Down",
    "bslash": "backslash",
    "fslash": "slash",
    "spacebar": "space",
    "sb": "space",
    "scrlk": "Scroll_Lock",
    "numlk": "Num_Lock",
    "caplk": "Caps_Lock",
    "kpenter": "KP_Enter",
    **{f"kp{n}": f"KP_{n}" for n in range(10)},
    **{
        f"{side}{name.lower()}": f"{name}_{side.upper()}"
        for name in ("Shift", "Meta", "Alt", "Super", "Hyper")
        for side in "lr"
    },
    "lctrl": "Control_L",
    "rctrl": "Control_R",
}
"""By lower case; the X11 name they mean."""
