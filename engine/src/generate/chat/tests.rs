//! Templates as they are published are read, and what a hostile one does ends with its reason.

use super::*;

fn marks() -> Marks {
    Marks { bos: "<s>".to_owned(), eos: "</s>".to_owned(), ..Marks::default() }
}

fn made(template: &str) -> String {
    wrapped(template, " Hi {{ 1 }} ", &marks(), Path::new("model")).unwrap()
}

fn told(template: &str) -> String {
    wrapped(template, "Hi", &marks(), Path::new("model")).unwrap_err().to_string()
}

#[test]
fn templates_as_they_are_published_are_read() {
    // ChatML, as our own words have it.
    let chat_ml = "{% for message in messages %}\n{{ '<|im_start|>' + message['role'] + '\n' + \
                   message['content'] | trim + '<|im_end|>' + '\n' }}\n{% endfor %}\n\
                   {% if add_generation_prompt %}\n{{ '<|im_start|>assistant\n' }}\n{% endif %}";
    let want = "<|im_start|>user\nHi {{ 1 }}<|im_end|>\n\n<|im_start|>assistant\n\n";
    assert_eq!(made(chat_ml), want);
    let brackets = "{{ bos_token }}{% set system = messages[0].content.strip() %}\
                    {%- if messages[0]['role'] != 'user' %}{{ raise_exception('no') }}{% endif -%}\
                    [INST] {{ system.split(' ')[0] }} [/INST]{{ eos_token }}";
    assert_eq!(made(brackets), "<s>[INST] Hi [/INST]</s>");
    let names = "{% if tools is defined or strftime_now is defined %}no{% endif %}{% set ns = \
                 namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% break %}\
                 {% endfor %}{{ ns.n }}{{ messages[0].role | tojson }}";
    assert_eq!(made(names), "1\"user\"");
}

#[test]
fn a_template_that_is_wrong_or_hostile_is_refused_with_its_reason() {
    assert_eq!(
        told("{{ raise_exception('only for tools') }}"),
        "the chat template cannot be used: invalid operation in line 1: only for tools: model"
    );
    assert!(told("\n{% if %}").contains("syntax error in line 2"), "{}", told("\n{% if %}"));
    let long = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
    assert!(told(long).ends_with("it takes more than 20000 steps: model"), "{}", told(long));
    let much = format!("{{% for a in range(1000) %}}{}{{% endfor %}}", "a".repeat(60_000));
    assert!(told(&much).contains("it makes more than 4194304 bytes of one text, or 33554432"));
    assert!(told("{% include '/etc/passwd' %}").contains("cannot be used"));
    assert!(told("{{ messages[0].content.explode() }}").contains("cannot be used"));
    assert!(told(&"a".repeat(MOST_BYTES + 1)).contains("at most 65536"));
    assert!(told("{{ 'a' * 100000000000 }}").contains("cannot be used"));
    let loops = "{% macro again(n) %}{{ again(n) }}{% endmacro %}{{ again(1) }}";
    assert!(told(loops).contains("cannot be used"));
}

#[test]
fn steps_that_are_counted_give_what_they_give_uncounted() {
    let template = "{% macro m(x, y=2) %}<{{ x }}{{ y }}{{ caller() if caller }}>{% endmacro %}\
        {{ m('a') }}{% call m('b') %}in{% endcall %}{% for x in [[1, [2]], [3]] recursive %}\
        {% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}{% endif %}{% endfor %}\
        {% set q %}cap{{ 1 + 2 * 3 }}{% endset %}{{ q }}\
        {% block z %}b{{ messages[1:] | length }}{% endblock %}{{ self.z() }}\
        {{ {'a': [1, 2]} | tojson(indent=2) }}{{ ['a', 'b'] | join(', ') }}{{ 'a\nb' | indent(2) }}\
        {{ 'aXb' | replace('X', '-') }}{{ messages | map(attribute='role') | list }}\
        {% for k, v in {'x': 1}.items() %}{{ k }}{{ v }}{% endfor %}{{ ['a'] + ['b'] }}{{ 'ab'[::-1] }}\
        {{ messages | selectattr('role', 'equalto', 'user') | list | length }}\
        {% set n = 3 %}{% set d = '-' %}{{ d * n }}{{ 'a-b'.replace('-', '+').join(['1', '2']) }}\
        {{ range(3) | join }}{{ '%' ~ none ~ true ~ 1.0 }}";
    let mut plain = minijinja::Environment::new();
    plain.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    let messages = minijinja::context! {
        messages => [minijinja::context! { role => "user", content => " Hi {{ 1 }} " }],
    };
    assert_eq!(made(template), plain.render_str(template, messages).unwrap());
}

/// A text of 2^(`doublings` + 1) bytes in `ns.x`, and then.
fn long(doublings: usize, then: &str) -> String {
    format!(
        "{{% set ns = namespace(x='ab', l=[]) %}}{{% for i in range({doublings}) %}}\
         {{% set ns.x = ns.x ~ ns.x %}}{{% endfor %}}{then}"
    )
}

/// `step` 60 times.
fn again(begin: &str, step: &str) -> String {
    format!(
        "{{% set ns = namespace(x={begin}) %}}{{% for i in range(60) %}}{{% set ns.x = {step} %}}\
         {{% endfor %}}{{{{ ns.x }}}}"
    )
}

#[test]
fn no_value_grows_without_an_end() {
    let chain = |link: &str, number| format!("{{{{ a{} }}}}", link.repeat(number));
    const MACRO: &str = "{% macro f(x) %}{{ x }}{{ x }}{% endmacro %}";
    let raw = "a".repeat(60_000);
    let too_much = [
        again("'ab'", "ns.x ~ ns.x"),
        again("'ab'", "ns.x + ns.x"),
        again("'ab'", "[ns.x, ns.x] | join(ns.x)"),
        again("[1]", "ns.x + ns.x"),
        again("[1]", "[ns.x, ns.x]"),
        again("[1]", "{'a': ns.x, 'b': ns.x}"),
        again("['a', 'b']", "[ns.x | join('-'), ns.x | join('+')]"),
        again("'ab'", "(ns.x, ns.x) | string"),
        long(18, "{{ ns.x | replace('a', ns.x) }}"),
        long(18, "{{ ns.x.replace('a', ns.x) }}"),
        long(18, "{{ range(1000) | join(ns.x) }}"),
        long(18, "{{ ns.x.join(range(1000)) }}"),
        long(20, "{{ ns.x | list | length }}"),
        long(20, "{{ ns.x.split('') | length }}"),
        long(20, "{{ ns.x ~ ns.x ~ ns.x }}"),
        long(14, "{% for i in range(3000) %}{% set ns.l = ns.l + [ns.x[0:]] %}{% endfor %}"),
        format!("{MACRO}{}", again("'ab'", "f(ns.x)")),
        format!("{{% set x %}}{{% for i in range(900) %}}{raw}{{% endfor %}}{{% endset %}}"),
        "{% set x = 'x' %}{% set n = 100000000 %}{{ (x * n) | length }}".to_owned(),
        "{% set l = messages %}{% set n = 1000000000 %}{{ (l * n) | length }}".to_owned(),
        "{% set l = messages %}{% set n = 1000000 %}{{ (2 in l * n) | length }}".to_owned(),
        "{{ [range(100000), range(100000)] | length }}".to_owned(),
        "{{ [[1]] | tojson(indent=1000000000) }}".to_owned(),
        "{{ 'ab' | indent(1000000000) }}{{ 'ab' | indent(width=1000000000) }}".to_owned(),
    ];
    for template in too_much {
        let told = told(&template);
        assert!(told.contains("it makes more than 4194304 bytes of one text"), "{told} {template}");
    }
    for (template, words) in [
        ("{{ 'x' * 100000000 }}".to_owned(), "`*` can only stand between"),
        ("{{ 9 * ('x') }}".to_owned(), "`*` can only stand between"),
        ("{{ dict(**{'a': 1}) }}".to_owned(), "it spreads a list or map"),
        (
            "{% set ns = namespace() %}{% set ns.x = ns %}".to_owned(),
            "a namespace into a namespace",
        ),
        (
            "{% set ns = namespace() %}{% set ns.x = [ns] %}".to_owned(),
            "a namespace into a namespace",
        ),
        (again("[1]", "[ns.x]"), "it nests lists more than 32 deep"),
        ("{{ '%1000000000d' | format(1) }}".to_owned(), "format is unknown"),
        ("{{ '{:>1000000000}'.format(1) }}".to_owned(), "no method named format"),
        ("{{ [1] | batch(1000000000, 'x') | list }}".to_owned(), "batch is unknown"),
        ("{{ 'abc'.count('') }}".to_owned(), "cannot be used"),
        (chain("~a", 30_000), "an expression has more than 1000 words"),
        (format!("{{{{ {}1 }}}}", "(".repeat(900)), "recursion"),
        (
            long(20, "{% for i in range(9000) %}{{ ns.x.isalpha() }}{% endfor %}"),
            "it takes more than",
        ),
    ] {
        let told = told(&template);
        assert!(told.contains(words) && told.ends_with(": model"), "{told}");
    }
}

#[test]
fn as_many_branches_as_a_template_can_hold_are_read() {
    assert_eq!(made(&format!("{{% if a %}}{}{{% endif %}}", "{%elif a%}".repeat(6500))), "");
}
