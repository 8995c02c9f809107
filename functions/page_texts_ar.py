"""The hosted page in Arabic, from right to left."""

from __future__ import annotations

from functions.link_view import Screen
from functions.page_numbers import ARABIC_DIGITS, Numbers, PluralForm, arabic
from functions.page_texts import Explanation, Message, PageTexts
from storage.models import Phase, ReasonCode

_ASK_AGAIN = "اطلب رمزًا جديدًا. وإذا تكرر ذلك، فأخبر {workspace}."
_EXAMPLE = "+966 51 234 5678"
_EXAMPLE_IN_TEXT = f"\N{LEFT-TO-RIGHT ISOLATE}{_EXAMPLE}\N{POP DIRECTIONAL ISOLATE}"
"""A number keeps its order inside a sentence that runs the other way."""

ARABIC = PageTexts(
    locale="ar",
    name="العربية",
    direction="rtl",
    numbers=Numbers(
        plural=arabic,
        group="\N{ARABIC THOUSANDS SEPARATOR}",
        digits=ARABIC_DIGITS,
        seconds={
            PluralForm.ZERO: "{n} ثانية",
            PluralForm.ONE: "ثانية واحدة",
            PluralForm.TWO: "ثانيتين",
            PluralForm.FEW: "{n} ثوانٍ",
            PluralForm.MANY: "{n} ثانية",
            PluralForm.OTHER: "{n} ثانية",
        },
        minutes={
            PluralForm.ZERO: "{n} دقيقة",
            PluralForm.ONE: "دقيقة واحدة",
            PluralForm.TWO: "دقيقتين",
            PluralForm.FEW: "{n} دقائق",
            PluralForm.MANY: "{n} دقيقة",
            PluralForm.OTHER: "{n} دقيقة",
        },
    ),
    languages="اللغة",
    asks="تطلب منك {workspace} ربط حسابك على واتساب. يمكنك إلغاء الربط من هاتفك.",
    about="ربط حسابك على واتساب مع {workspace}",
    means="عند الربط تُضاف {workspace} إلى الأجهزة المرتبطة في حسابك على واتساب. يستطيع الجهاز المرتبط قراءة "
    "الرسائل وإرسالها نيابةً عنك، كما يفعل واتساب ويب، إلى أن تزيله.",
    expects="استخدم حساب واتساب الذي ينتهي رقمه بـ {ending}.",
    remove_later="لإلغاء الربط لاحقًا: افتح «الأجهزة المرتبطة» في واتساب، واضغط على الجهاز، ثم على «تسجيل "
    "الخروج».",
    screens={
        Screen.NOT_STARTED: Message(
            "اربط حسابك على واتساب",
            "ضع هاتفك في متناول يدك. يظهر الرمز خلال ثوانٍ ويبقى صالحًا نحو دقيقة.",
        ),
        Screen.QUEUED: Message(
            "أنت في قائمة الانتظار",
            "يربط كثيرون حساباتهم في هذه اللحظة. سيظهر رمزك تلقائيًا؛ أبقِ هذه الصفحة مفتوحة.",
        ),
        Screen.PREPARING: Message("نجهّز رمزك", "سيظهر هنا تلقائيًا."),
        Screen.SCAN: Message("امسح هذا الرمز بواتساب", "في انتظار هاتفك."),
        Screen.CODE: Message("اكتب هذا الرمز في واتساب", "لحساب واتساب ذي الرقم {phone}."),
        Screen.PASSKEY: Message(
            "أكّد من هاتفك",
            "تم المسح بنجاح، ويحمي واتساب هذا الحساب بمفتاح مرور. لا يمكن لأحد غير صاحب الحساب تأكيده، ومن "
            "هاتفه هو؛ لا هذه الصفحة ولا {workspace} يمكنهما ذلك نيابةً عنك.",
            "إذا طلب هاتفك التأكيد، فأكّد هناك وأبقِ هذه الصفحة مفتوحة. وإذا لم يطلب، فإن واتساب لا يسمح بهذا "
            "الربط حاليًا: أخبر {workspace}.",
        ),
        Screen.LINKING: Message("وافق هاتفك", "يستغرق الربط بضع ثوانٍ."),
        Screen.LINKED: Message(
            "تم ربط واتساب",
            "هذا الرقم مرتبط الآن مع {workspace}.",
            "يمكنك إغلاق هذه الصفحة.",
        ),
        Screen.LINKED_WITHOUT_NUMBER: Message(
            "تم ربط واتساب",
            "حسابك مرتبط مع {workspace}. لم يخبرنا واتساب برقمه بعد.",
            "يمكنك إغلاق هذه الصفحة.",
        ),
        Screen.RECONNECTING: Message(
            "مرتبط، ونعيد الاتصال",
            "لا يزال الحساب مرتبطًا مع {workspace}. انقطع اتصاله وتجري استعادته.",
            "ليس عليك فعل أي شيء.",
        ),
        Screen.EXPIRED: Message("انتهت صلاحية الرمز", "لم يمسحه أحد في الوقت المحدد."),
        Screen.LOGGED_OUT: Message("لم يعد مرتبطًا", "لم يعد هذا الحساب مرتبطًا مع {workspace}."),
        Screen.FAILED: Message("لم ينجح ذلك", "لم يتم ربط حسابك."),
        Screen.REPLACED: Message(
            "حلّ محله ربط أحدث",
            "رُبط الرقم نفسه مع {workspace} مرة أخرى، وانتهى هذا الربط القديم.",
            "ليس عليك فعل أي شيء. الربط الأحدث يعمل.",
        ),
        Screen.DELETED: Message(
            "أُزيل هذا الرابط",
            "أنهت {workspace} هذا الرابط، ومُحي كل ما كان يحفظه.",
            "للربط مرة أخرى، اطلب من {workspace} رابطًا جديدًا.",
        ),
    },
    phases={
        Phase.LAUNCHING: "نشغّل متصفحًا من أجلك. يستغرق ذلك بضع ثوانٍ.",
        Phase.LOADING: "نفتح واتساب ويب. يستغرق ذلك بضع ثوانٍ.",
        Phase.WAITING_FOR_QR: "يجهّز واتساب رمزك. أوشك على الظهور.",
        Phase.WAITING_FOR_SCAN: "في انتظار هاتفك.",
        Phase.LINKING: "يربط واتساب هذا الجهاز. أبقِ هاتفك متصلًا بالإنترنت.",
        Phase.SYNCING: "يتزامن واتساب مع هاتفك. أبقِه متصلًا بالإنترنت؛ قد يستغرق ذلك دقيقة.",
        Phase.READING_PHONE: "نقرأ رقم هاتفك.",
    },
    reasons={
        ReasonCode.QR_TIMEOUT: Explanation(
            "لم يمسح أحد الرمز في الوقت المحدد.", "افتح واتساب على هاتفك، ثم اطلب رمزًا جديدًا."
        ),
        ReasonCode.LAUNCH_TIMEOUT: Explanation("لم يبدأ المتصفح المخصص لربطك في الوقت المحدد.", _ASK_AGAIN),
        ReasonCode.LOAD_TIMEOUT: Explanation(
            "استغرق فتح واتساب ويب وقتًا أطول من اللازم.", "انتظر دقيقة، ثم اطلب رمزًا جديدًا."
        ),
        ReasonCode.LINK_TIMEOUT: Explanation(
            "قبل هاتفك الرمز، لكن واتساب لم يُكمل الربط.",
            "تأكد من اتصال هاتفك بالإنترنت، ثم اطلب رمزًا جديدًا.",
        ),
        ReasonCode.BROWSER_REFUSED: Explanation(
            "لا يقبل واتساب المتصفح الذي تعمل به هذه الصفحة.",
            "أخبر {workspace}؛ فالمحاولة مرة أخرى لن تفيد غالبًا.",
        ),
        ReasonCode.BROWSER_CRASH: Explanation("توقف المتصفح المخصص لربطك.", _ASK_AGAIN),
        ReasonCode.PAGE_UNREACHABLE: Explanation(
            "لا يمكن الوصول إلى واتساب ويب في الوقت الحالي.", "انتظر دقيقة، ثم اطلب رمزًا جديدًا."
        ),
        ReasonCode.PAGE_BROKEN: Explanation(
            "تغيّر واتساب ويب بطريقة لا نفهمها بعد.",
            "أخبر {workspace}؛ فالمحاولة مرة أخرى لن تفيد غالبًا.",
        ),
        ReasonCode.SOCKET_LOST: Explanation(
            "انقطع الاتصال بواتساب.", "تأكد من اتصال هاتفك بالإنترنت، ثم اطلب رمزًا جديدًا."
        ),
        ReasonCode.NODE_LOST: Explanation("توقف الحاسوب الذي كان يحمل ربطك.", _ASK_AGAIN),
        ReasonCode.WA_LOGOUT: Explanation(
            "أُزيل الجهاز من واتساب، من الهاتف أو من واتساب نفسه.",
            "لربطه مرة أخرى، اطلب رمزًا جديدًا.",
        ),
        ReasonCode.WA_CONFLICT: Explanation(
            "يقول واتساب إن هذا الربط فُتح في مكان آخر.",
            "أغلق واتساب ويب في المكان الآخر، ثم اطلب رمزًا جديدًا.",
        ),
        ReasonCode.PASSKEY: Explanation(
            "طلب واتساب مفتاح مرور، ولم يُؤكَّد في الوقت المحدد. لا يمكن لأحد غير صاحب الحساب تأكيده، ومن "
            "هاتفه هو.",
            "اطلب رمزًا جديدًا إن كنت تستطيع التأكيد الآن. وإذا لم يطلب هاتفك ذلك، فأخبر {workspace}.",
        ),
        ReasonCode.RESTORE_CORRUPT: Explanation(
            "تعذرت استعادة الربط المحفوظ.", "للربط مرة أخرى، اطلب رمزًا جديدًا."
        ),
        ReasonCode.RESTORE_MISSING: Explanation(
            "لم يعد من الممكن العثور على الربط المحفوظ.", "للربط مرة أخرى، اطلب رمزًا جديدًا."
        ),
        ReasonCode.STORE_UNAVAILABLE: Explanation(
            "المكان الذي تُحفظ فيه الروابط لا يستجيب.", "ليس عليك فعل أي شيء: نواصل المحاولة."
        ),
        ReasonCode.CAPACITY: Explanation(
            "كان عدد كبير جدًا من الأشخاص يربطون حساباتهم في تلك اللحظة.",
            "انتظر دقيقة، ثم اطلب رمزًا جديدًا.",
        ),
        ReasonCode.MEMORY_LIMIT: Explanation("احتاج واتساب ويب إلى ذاكرة أكبر من المتاح.", _ASK_AGAIN),
        ReasonCode.REQUESTED: Explanation("أنهت {workspace} هذا الربط.", "للربط مرة أخرى، اطلب رمزًا جديدًا."),
        ReasonCode.DUPLICATE: Explanation(
            "هذا الرقم مرتبط مع {workspace} بالفعل.",
            "لربط رقم آخر، اطلب رمزًا جديدًا.",
        ),
        ReasonCode.WRONG_NUMBER: Explanation(
            "تنتظر {workspace} رقمًا آخر، ولذلك سُجّل خروج هذا الحساب فورًا.",
            "استخدم الهاتف الذي ينتهي رقمه بـ {ending}، واطلب رمزًا جديدًا.",
        ),
        ReasonCode.ACCOUNT_RESTRICTED: Explanation(
            "قيّد واتساب هذا الحساب، ولا يسمح له حاليًا باستخدام الأجهزة المرتبطة.",
            "افتح واتساب على هاتفك لمعرفة السبب والمدة. ثم اطلب رمزًا جديدًا.",
        ),
    },
    unknown_reason=Explanation("حدث خطأ من جانبنا.", _ASK_AGAIN),
    scan_steps=(
        "افتح واتساب على هاتفك.",
        "اضغط على القائمة ⋮ في Android أو على الإعدادات في iPhone، ثم على «الأجهزة المرتبطة».",
        "اضغط على «ربط جهاز» ووجّه الهاتف نحو الرمز.",
    ),
    code_steps=(
        "افتح واتساب على هاتفك، أو اضغط على الإشعار القادم من واتساب.",
        "اضغط على القائمة ⋮ في Android أو على الإعدادات في iPhone، ثم على «الأجهزة المرتبطة».",
        "اضغط على «ربط جهاز»، ثم على «الربط برقم الهاتف»، واكتب الرمز.",
    ),
    help_summary="هاتفي لا يقبله",
    help_lines=(
        "يقول إن لديك أجهزة مرتبطة أكثر من اللازم: يسمح واتساب بأربعة. سجّل خروج أحدها من «الأجهزة المرتبطة»، "
        "ثم حاول مرة أخرى.",
        "يقول إنه لا يمكنك ربط أجهزة الآن: قيّد واتساب الحساب لفترة. واتساب وحده يستطيع رفع القيد؛ حاول "
        "لاحقًا.",
        "يطلب بصمة الإصبع أو الوجه أو مفتاح المرور: هكذا يحميك واتساب. أكّد من هاتفك أنت.",
        "لا يحدث شيء: تأكد من أن الهاتف متصل بالإنترنت وأن واتساب محدَّث.",
    ),
    qr_label="رمز QR لمسحه بواتساب من هاتفك",
    qr_ends="صالح لمدة {time}",
    code_ends="صالح لمدة {time}",
    passkey_ends="الوقت المتبقي للتأكيد: {time}",
    qr_renewing="نحضر رمزًا جديدًا",
    queue_position="مكانك في القائمة: {position}",
    queue_wait="بقي نحو {time}",
    takes_longer="يستغرق هذا وقتًا أطول من المعتاد. نواصل المحاولة؛ أبقِ هذه الصفحة مفتوحة، أو عد لاحقًا.",
    start="إظهار الرمز",
    new_qr="الحصول على رمز جديد",
    back_to="العودة إلى {workspace}",
    returning="ستعود إلى {workspace} خلال {time}",
    stay="البقاء هنا",
    by_phone=Message(
        "اربط برقم هاتفك",
        "تحصل على رمز تكتبه في واتساب على هذا الهاتف؛ لا حاجة إلى مسح أي شيء.",
    ),
    show_qr="إظهار رمز QR بدلًا من ذلك",
    copy_code="نسخ الرمز",
    code_copied="تم النسخ",
    pairing_summary="الربط برقم الهاتف",
    pairing_hint="ليست لديك شاشة أخرى؟ احصل على رمز تكتبه في واتساب على هذا الهاتف.",
    pairing_country="الدولة",
    pairing_number="رقم واتساب",
    pairing_field="رقم واتساب مع رمز الدولة",
    pairing_example=_EXAMPLE,
    pairing_submit="الحصول على رمز",
    pairing_again="استخدام رقم آخر",
    phone_missing="أدخل رقم حسابك على واتساب.",
    phone_without_country=f"ابدأ بعلامة + ثم رمز الدولة، مثل {_EXAMPLE_IN_TEXT}.",
    phone_wrong="رقم الهاتف هذا غير مكتمل. تحقق من رمز الدولة والأرقام.",
    phone_not_expected="تنتظر {workspace} رقمًا آخر، ينتهي بـ {ending}.",
    busy="تعذر تنفيذ ذلك الآن. انتظر بضع ثوانٍ وحاول مرة أخرى.",
    retrying="لا يوجد اتصال. نحاول مرة أخرى؛ قد يكون ما تراه قديمًا.",
    refreshes_itself="تُحدَّث هذه الصفحة تلقائيًا كل بضع ثوانٍ.",
    unknown_link=Message(
        "لا يوجد رابط كهذا",
        "حلّ محله رابط أحدث، أو أن العنوان غير كامل.",
        "تأكد من أنك فتحت العنوان كاملًا، أو اطلب رابطًا جديدًا ممن أرسله إليك.",
    ),
    expired_link=Message(
        "انتهت صلاحية هذا الرابط",
        "حفاظًا على سلامتك، لا يعمل الرابط إلا لمدة محدودة.",
        "اطلب رابطًا جديدًا ممن أرسله إليك.",
    ),
    revoked_link=Message(
        "أُنهي هذا الرابط",
        "أنهت {workspace} هذا الرابط قبل استخدامه.",
        "إذا كنت لا تزال تريد ربط حسابك على واتساب، فاطلب من {workspace} رابطًا جديدًا.",
    ),
    finished_link=Message(
        "تم ربط واتساب",
        "أدّى هذا الرابط مهمته، وأُغلق حفاظًا على سلامتك.",
        "يمكنك إغلاق هذه الصفحة. تجد ما هو مرتبط في واتساب ضمن «الأجهزة المرتبطة».",
    ),
    other_browser=Message(
        "مفتوح في متصفح آخر",
        "حفاظًا على سلامتك، لا يعمل الرابط إلا في المتصفح الذي فتحه أولًا.",
        "تابع هناك، أو اطلب من {workspace} رابطًا جديدًا وافتحه هنا. وإذا كان هذا هو المتصفح نفسه، فاسمح له "
        "بحفظ ملفات تعريف الارتباط لهذه الصفحة.",
    ),
    card=Message("اربط حسابك على واتساب مع {workspace}", "افتح هذه الصفحة لربط حسابك على واتساب."),
    foreign_form=Message(
        "ليس من هذه الصفحة",
        "جاء الطلب من موقع آخر ولم يُنفَّذ.",
        "افتح رابطك مرة أخرى واستخدم الزر الموجود فيه.",
    ),
)
