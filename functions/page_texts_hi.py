"""The hosted page in Hindi."""

from __future__ import annotations

from functions.link_view import Screen
from functions.page_numbers import Numbers, PluralForm, up_to_one_or_more
from functions.page_texts import Explanation, Message, PageTexts
from storage.models import Phase, ReasonCode

_ASK_AGAIN = "नया कोड माँगें। फिर ऐसा हो, तो {workspace} को बताएँ।"

HINDI = PageTexts(
    locale="hi",
    name="हिन्दी",
    direction="ltr",
    numbers=Numbers(
        plural=up_to_one_or_more,
        group=",",
        seconds={PluralForm.ONE: "{n} सेकंड", PluralForm.OTHER: "{n} सेकंड"},
        minutes={PluralForm.ONE: "{n} मिनट", PluralForm.OTHER: "{n} मिनट"},
    ),
    languages="भाषा",
    asks="{workspace} की ओर से आपका WhatsApp लिंक करने का अनुरोध है। इसे आप अपने फ़ोन पर हटा सकते हैं।",
    about="{workspace} के साथ आपका WhatsApp लिंक",
    means="लिंक करने पर {workspace} आपके WhatsApp के लिंक किए गए डिवाइस में जुड़ जाता है। ऐसा डिवाइस WhatsApp Web की "
    "तरह आपकी ओर से मैसेज पढ़ और भेज सकता है, जब तक आप उसे हटा न दें।",
    expects="वही WhatsApp इस्तेमाल करें जिसका नंबर {ending} पर खत्म होता है।",
    remove_later="बाद में हटाने के लिए: WhatsApp में “लिंक किए गए डिवाइस” खोलें, डिवाइस पर टैप करें, फिर “लॉग आउट करें” "
    "पर।",
    screens={
        Screen.NOT_STARTED: Message(
            "अपना WhatsApp लिंक करें",
            "अपना फ़ोन पास रखें। कोड कुछ ही सेकंड में दिखेगा और लगभग एक मिनट तक चलेगा।",
        ),
        Screen.QUEUED: Message(
            "आप कतार में हैं",
            "इस समय बहुत से लोग लिंक कर रहे हैं। आपका कोड अपने आप आ जाएगा; यह पेज खुला रखें।",
        ),
        Screen.PREPARING: Message("आपका कोड आ रहा है", "यह यहाँ अपने आप दिखेगा।"),
        Screen.SCAN: Message("इस कोड को WhatsApp से स्कैन करें", "आपके फ़ोन का इंतज़ार है।"),
        Screen.CODE: Message("यह कोड WhatsApp में डालें", "{phone} वाले WhatsApp के लिए।"),
        Screen.PASSKEY: Message(
            "अपने फ़ोन पर पुष्टि करें",
            "स्कैन हो गया, और WhatsApp इस अकाउंट की सुरक्षा पासकी से करता है। इसकी पुष्टि सिर्फ़ अकाउंट का मालिक "
            "अपने फ़ोन पर कर सकता है; न यह पेज और न ही {workspace} आपके लिए ऐसा कर सकता है।",
            "अगर आपका फ़ोन पूछे, तो वहीं पुष्टि करें और यह पेज खुला रखें। अगर न पूछे, तो WhatsApp अभी इस लिंक की "
            "अनुमति नहीं देता: {workspace} को बताएँ।",
        ),
        Screen.LINKING: Message("आपके फ़ोन ने हाँ कहा", "लिंक होने में कुछ सेकंड लगते हैं।"),
        Screen.LINKED: Message(
            "WhatsApp लिंक हो गया",
            "यह नंबर अब {workspace} से लिंक है।",
            "अब आप यह पेज बंद कर सकते हैं।",
        ),
        Screen.LINKED_WITHOUT_NUMBER: Message(
            "WhatsApp लिंक हो गया",
            "आपका अकाउंट {workspace} से लिंक है। WhatsApp ने अभी हमें इसका नंबर नहीं बताया है।",
            "अब आप यह पेज बंद कर सकते हैं।",
        ),
        Screen.RECONNECTING: Message(
            "लिंक है, फिर से जुड़ रहा है",
            "अकाउंट {workspace} से लिंक बना हुआ है। इसका कनेक्शन टूट गया था और फिर से जोड़ा जा रहा है।",
            "आपको कुछ नहीं करना है।",
        ),
        Screen.EXPIRED: Message("कोड का समय खत्म हो गया", "इसे समय पर किसी ने स्कैन नहीं किया।"),
        Screen.LOGGED_OUT: Message("अब लिंक नहीं है", "यह अकाउंट अब {workspace} से लिंक नहीं है।"),
        Screen.FAILED: Message("यह नहीं हो पाया", "आपका अकाउंट लिंक नहीं हुआ।"),
        Screen.REPLACED: Message(
            "नए लिंक ने इसकी जगह ले ली",
            "यही नंबर {workspace} से फिर लिंक किया गया, और यह पुराना लिंक खत्म हो गया।",
            "आपको कुछ नहीं करना है। नया लिंक काम कर रहा है।",
        ),
        Screen.DELETED: Message(
            "यह लिंक हटा दिया गया",
            "{workspace} ने यह लिंक खत्म कर दिया है, और इसमें जो था वह मिटा दिया गया है।",
            "फिर से लिंक करने के लिए {workspace} से नया लिंक माँगें।",
        ),
    },
    phases={
        Phase.LAUNCHING: "आपके लिए ब्राउज़र शुरू हो रहा है। कुछ सेकंड लगेंगे।",
        Phase.LOADING: "WhatsApp Web खुल रहा है। कुछ सेकंड लगेंगे।",
        Phase.WAITING_FOR_QR: "WhatsApp आपका कोड तैयार कर रहा है। बस होने ही वाला है।",
        Phase.WAITING_FOR_SCAN: "आपके फ़ोन का इंतज़ार है।",
        Phase.LINKING: "WhatsApp इस डिवाइस को लिंक कर रहा है। फ़ोन को इंटरनेट से जुड़ा रखें।",
        Phase.SYNCING: "WhatsApp आपके फ़ोन के साथ सिंक हो रहा है। फ़ोन को इंटरनेट से जुड़ा रखें; इसमें एक मिनट लग सकता है।",
        Phase.READING_PHONE: "आपका फ़ोन नंबर पढ़ा जा रहा है।",
    },
    reasons={
        ReasonCode.QR_TIMEOUT: Explanation(
            "कोड को समय पर किसी ने स्कैन नहीं किया।", "अपने फ़ोन पर WhatsApp खोलें, फिर नया कोड माँगें।"
        ),
        ReasonCode.LAUNCH_TIMEOUT: Explanation("आपके लिंक का ब्राउज़र समय पर शुरू नहीं हुआ।", _ASK_AGAIN),
        ReasonCode.LOAD_TIMEOUT: Explanation(
            "WhatsApp Web खुलने में बहुत देर लगी।", "एक मिनट रुकें, फिर नया कोड माँगें।"
        ),
        ReasonCode.LINK_TIMEOUT: Explanation(
            "आपके फ़ोन ने कोड मान लिया, पर WhatsApp ने लिंक करना पूरा नहीं किया।",
            "देखें कि आपके फ़ोन पर इंटरनेट चल रहा है, फिर नया कोड माँगें।",
        ),
        ReasonCode.BROWSER_REFUSED: Explanation(
            "WhatsApp इस पेज के पीछे के ब्राउज़र को स्वीकार नहीं करता।",
            "{workspace} को बताएँ; दोबारा कोशिश करने से शायद ही फ़ायदा होगा।",
        ),
        ReasonCode.BROWSER_CRASH: Explanation("आपके लिंक का ब्राउज़र रुक गया।", _ASK_AGAIN),
        ReasonCode.PAGE_UNREACHABLE: Explanation(
            "अभी WhatsApp Web तक पहुँचा नहीं जा सकता।", "एक मिनट रुकें, फिर नया कोड माँगें।"
        ),
        ReasonCode.PAGE_BROKEN: Explanation(
            "WhatsApp Web में ऐसा बदलाव हुआ है जिसे हम अभी नहीं समझते।",
            "{workspace} को बताएँ; दोबारा कोशिश करने से शायद ही फ़ायदा होगा।",
        ),
        ReasonCode.SOCKET_LOST: Explanation(
            "WhatsApp से कनेक्शन टूट गया।",
            "देखें कि आपके फ़ोन पर इंटरनेट चल रहा है, फिर नया कोड माँगें।",
        ),
        ReasonCode.NODE_LOST: Explanation("जिस कंप्यूटर पर आपका लिंक था, वह रुक गया।", _ASK_AGAIN),
        ReasonCode.WA_LOGOUT: Explanation(
            "यह डिवाइस WhatsApp में हटा दिया गया, फ़ोन पर या खुद WhatsApp ने।",
            "फिर से लिंक करने के लिए नया कोड माँगें।",
        ),
        ReasonCode.WA_CONFLICT: Explanation(
            "WhatsApp का कहना है कि यह लिंक कहीं और खोला गया है।",
            "दूसरी जगह WhatsApp Web बंद करें, फिर नया कोड माँगें।",
        ),
        ReasonCode.PASSKEY: Explanation(
            "WhatsApp ने पासकी माँगी, और समय पर उसकी पुष्टि नहीं हुई। इसकी पुष्टि सिर्फ़ अकाउंट का मालिक अपने "
            "फ़ोन पर कर सकता है।",
            "अगर आप अभी पुष्टि कर सकते हैं, तो नया कोड माँगें। अगर आपका फ़ोन न पूछे, तो {workspace} को बताएँ।",
        ),
        ReasonCode.RESTORE_CORRUPT: Explanation(
            "सेव किया हुआ लिंक वापस नहीं लाया जा सका।", "फिर से लिंक करने के लिए नया कोड माँगें।"
        ),
        ReasonCode.RESTORE_MISSING: Explanation(
            "सेव किया हुआ लिंक अब नहीं मिला।", "फिर से लिंक करने के लिए नया कोड माँगें।"
        ),
        ReasonCode.STORE_UNAVAILABLE: Explanation(
            "जहाँ लिंक सुरक्षित रखे जाते हैं, वहाँ से जवाब नहीं मिल रहा।",
            "आपको कुछ नहीं करना है: हम कोशिश करते रहेंगे।",
        ),
        ReasonCode.CAPACITY: Explanation("उस समय बहुत ज़्यादा लोग लिंक कर रहे थे।", "एक मिनट रुकें, फिर नया कोड माँगें।"),
        ReasonCode.MEMORY_LIMIT: Explanation(
            "WhatsApp Web को जितनी मेमोरी चाहिए थी, उतनी नहीं थी।", _ASK_AGAIN
        ),
        ReasonCode.REQUESTED: Explanation(
            "{workspace} ने यह लिंक खत्म कर दिया।", "फिर से लिंक करने के लिए नया कोड माँगें।"
        ),
        ReasonCode.DUPLICATE: Explanation(
            "यह नंबर पहले से {workspace} से लिंक है।",
            "दूसरा नंबर लिंक करने के लिए नया कोड माँगें।",
        ),
        ReasonCode.WRONG_NUMBER: Explanation(
            "{workspace} को किसी दूसरे नंबर का इंतज़ार है, इसलिए यह अकाउंट तुरंत लॉग आउट कर दिया गया।",
            "वह फ़ोन लें जिसका नंबर {ending} पर खत्म होता है, और नया कोड माँगें।",
        ),
        ReasonCode.ACCOUNT_RESTRICTED: Explanation(
            "WhatsApp ने इस अकाउंट पर रोक लगाई है, और अभी इसे लिंक किए गए डिवाइस इस्तेमाल नहीं करने देता।",
            "क्यों और कब तक, यह देखने के लिए अपने फ़ोन पर WhatsApp खोलें। फिर नया कोड माँगें।",
        ),
    },
    unknown_reason=Explanation("हमारी तरफ़ कुछ गड़बड़ हो गई।", _ASK_AGAIN),
    scan_steps=(
        "अपने फ़ोन पर WhatsApp खोलें।",
        "Android पर मेन्यू ⋮ या iPhone पर सेटिंग पर टैप करें, फिर “लिंक किए गए डिवाइस” पर।",
        "“डिवाइस लिंक करें” पर टैप करें और फ़ोन का कैमरा इस कोड पर रखें।",
    ),
    code_steps=(
        "अपने फ़ोन पर WhatsApp खोलें, या WhatsApp की सूचना पर टैप करें।",
        "Android पर मेन्यू ⋮ या iPhone पर सेटिंग पर टैप करें, फिर “लिंक किए गए डिवाइस” पर।",
        "“डिवाइस लिंक करें” पर टैप करें, फिर “फ़ोन नंबर से लिंक करें” पर, और यह कोड डालें।",
    ),
    help_summary="मेरा फ़ोन इसे नहीं मान रहा",
    help_lines=(
        "फ़ोन कहता है कि बहुत ज़्यादा डिवाइस लिंक हैं: WhatsApp चार की अनुमति देता है। “लिंक किए गए डिवाइस” में किसी एक से "
        "लॉग आउट करें, फिर कोशिश करें।",
        "फ़ोन कहता है कि आप अभी डिवाइस लिंक नहीं कर सकते: WhatsApp ने अकाउंट पर कुछ समय के लिए रोक लगाई है। इसे सिर्फ़ "
        "WhatsApp हटा सकता है; बाद में कोशिश करें।",
        "फ़ोन फ़िंगरप्रिंट, चेहरा या पासकी माँगता है: यह WhatsApp की ओर से आपकी सुरक्षा है। अपने ही फ़ोन पर पुष्टि करें।",
        "कुछ नहीं होता: देखें कि फ़ोन पर इंटरनेट चल रहा है और WhatsApp अपडेट है।",
    ),
    qr_label="अपने फ़ोन के WhatsApp से स्कैन करने के लिए QR कोड",
    qr_ends="{time} तक मान्य",
    code_ends="{time} तक मान्य",
    passkey_ends="पुष्टि के लिए बचा समय: {time}",
    qr_renewing="नया कोड आ रहा है",
    queue_position="कतार में आपका स्थान: {position}",
    queue_wait="लगभग {time} बाकी",
    takes_longer="इसमें सामान्य से ज़्यादा समय लग रहा है। हम कोशिश करते रहेंगे; यह पेज खुला रखें, या बाद में आएँ।",
    start="कोड दिखाएँ",
    new_qr="नया कोड पाएँ",
    back_to="{workspace} पर वापस जाएँ",
    returning="{time} में आप {workspace} पर वापस पहुँच जाएँगे",
    stay="यहीं रहें",
    by_phone=Message(
        "अपने फ़ोन नंबर से लिंक करें",
        "आपको इसी फ़ोन के WhatsApp में डालने के लिए एक कोड मिलेगा; कुछ स्कैन नहीं करना है।",
    ),
    show_qr="इसके बजाय QR कोड दिखाएँ",
    copy_code="कोड कॉपी करें",
    code_copied="कॉपी हो गया",
    pairing_summary="फ़ोन नंबर से लिंक करें",
    pairing_hint="दूसरी स्क्रीन नहीं है? इसी फ़ोन के WhatsApp में डालने के लिए एक कोड पाएँ।",
    pairing_country="देश",
    pairing_number="WhatsApp नंबर",
    pairing_field="WhatsApp नंबर, देश के कोड के साथ",
    pairing_example="+91 81234 56789",
    pairing_submit="कोड पाएँ",
    pairing_again="दूसरा नंबर इस्तेमाल करें",
    phone_missing="अपने WhatsApp का नंबर डालें।",
    phone_without_country="+ और देश के कोड से शुरू करें, जैसे +91 81234 56789।",
    phone_wrong="यह फ़ोन नंबर पूरा नहीं है। देश का कोड और अंक जाँच लें।",
    phone_not_expected="{workspace} को दूसरे नंबर का इंतज़ार है, जो {ending} पर खत्म होता है।",
    busy="यह अभी नहीं हो सका। कुछ सेकंड रुकें और फिर कोशिश करें।",
    retrying="कनेक्शन नहीं है। फिर कोशिश हो रही है; जो दिख रहा है वह पुराना हो सकता है।",
    refreshes_itself="यह पेज हर कुछ सेकंड में अपने आप ताज़ा होता है।",
    unknown_link=Message(
        "ऐसा कोई लिंक नहीं है",
        "इसकी जगह नया लिंक आ गया है, या पता पूरा नहीं है।",
        "देख लें कि आपने पूरा पता खोला है, या जिसने इसे भेजा उनसे नया लिंक माँगें।",
    ),
    expired_link=Message(
        "इस लिंक का समय खत्म हो गया",
        "आपकी सुरक्षा के लिए हर लिंक सीमित समय तक ही चलता है।",
        "जिसने इसे भेजा उनसे नया लिंक माँगें।",
    ),
    revoked_link=Message(
        "यह लिंक खत्म कर दिया गया",
        "{workspace} ने यह लिंक इस्तेमाल होने से पहले ही खत्म कर दिया।",
        "अगर आप अब भी अपना WhatsApp लिंक करना चाहते हैं, तो {workspace} से नया लिंक माँगें।",
    ),
    finished_link=Message(
        "WhatsApp लिंक हो गया",
        "इस लिंक का काम पूरा हो गया, और आपकी सुरक्षा के लिए इसे बंद कर दिया गया है।",
        "अब आप यह पेज बंद कर सकते हैं। क्या-क्या लिंक है, यह WhatsApp में “लिंक किए गए डिवाइस” में दिखता है।",
    ),
    other_browser=Message(
        "दूसरे ब्राउज़र में खुला है",
        "आपकी सुरक्षा के लिए लिंक सिर्फ़ उसी ब्राउज़र में चलता है जिसने इसे पहली बार खोला।",
        "वहीं आगे बढ़ें, या {workspace} से नया लिंक माँगकर यहाँ खोलें। अगर ब्राउज़र यही है, तो उसे इस पेज के लिए कुकी रखने दें।",
    ),
    card=Message("अपना WhatsApp {workspace} से लिंक करें", "अपना WhatsApp लिंक करने के लिए यह पेज खोलें।"),
    foreign_form=Message(
        "यह इस पेज से नहीं आया",
        "अनुरोध किसी दूसरी वेबसाइट से आया था और पूरा नहीं किया गया।",
        "अपना लिंक फिर खोलें और वहाँ का बटन इस्तेमाल करें।",
    ),
)
